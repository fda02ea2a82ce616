// SPDX-License-Identifier: Apache-2.0
// M/M/1/K with 100,000 states at three loads: every probability against the closed form.
#include <cmath>

#include "cpu_clock.h"
#include "solvers/long_run/stationary.h"

using namespace windtunnel;

namespace {

constexpr solvers::Index kCapacity = 99'999;

solvers::Generator mm1k(double rho) {
  solvers::GeneratorBuilder builder;
  for (solvers::Index n = 0; n <= kCapacity; ++n) {
    if (n > 0) builder.add(n - 1, 1.0);
    if (n < kCapacity) builder.add(n + 1, rho);
    builder.finish_state();
  }
  return std::move(builder).build();
}

/// rho^n (1 - rho) / (1 - rho^(K+1)), rho <= 1, in extended precision.
long double truncated_geometric(long double rho, solvers::Index n) {
  if (rho == 1.0L) return 1.0L / static_cast<long double>(kCapacity + 1);
  const long double log_rho = std::log(rho);
  return std::exp(static_cast<long double>(n) * log_rho) * (1.0L - rho) /
         -std::expm1(static_cast<long double>(kCapacity + 1) * log_rho);
}

double largest_relative_error(double rho, const solvers::Vector& probability) {
  long double worst = 0.0L;
  for (solvers::Index n = 0; n <= kCapacity; ++n) {
    const long double expected = truncated_geometric(rho, n);
    if (expected < 1e-300L) break;
    worst = std::max(worst, std::abs(static_cast<long double>(probability(n)) / expected - 1.0L));
  }
  return static_cast<double>(worst);
}

}  // namespace

int main() {
  bool fine = true;
  for (const double rho : {0.5, 0.999, 1.0}) {
    const auto q = mm1k(rho);
    bench::CpuClock clock;
    const auto solution = solvers::solve_stationary(q);
    const double seconds = clock.seconds();
    const double error = largest_relative_error(rho, solution.probability);
    std::printf("rho %.3f: %ld states, %ld transitions, %s, residual %.2g, relative error %.2g (bound %.2g), %.3f s\n",
                rho, static_cast<long>(q.states()), static_cast<long>(q.transitions()),
                to_string(solution.method_used).c_str(), solution.residual_ratio(), error,
                solution.error_bound.value_or(-1.0), seconds);
    fine &= bench::expect(solution.usable() && error <= 1e-10, "relative error <= 1e-10 in every state");
  }
  return fine ? 0 : 1;
}
