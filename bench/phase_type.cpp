// SPDX-License-Identifier: Apache-2.0
// Phase-type algebra: fits, sums, the slowest of 16,384 and quantiles. Exits with 1 when an answer is wrong.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <vector>

#include "solvers/phase_type/order_statistics.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"

namespace {

using namespace windtunnel::solvers;

bool all_right = true;

// Runs `work` until 0.2 s are spent and prints the time of one run; `work` returns the relative error of its answer.
void measure(const char* name, double largest_error, const std::function<double()>& work) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  double error = 0.0, elapsed_s = 0.0;
  int runs = 0;
  for (; runs == 0 || elapsed_s < 0.2; ++runs) {
    error = std::max(error, work());
    elapsed_s = std::chrono::duration<double>(Clock::now() - start).count();
  }
  const bool right = error <= largest_error;  // false for NaN
  all_right = all_right && right;
  fmt::print("{:46} {:10.2f} us  error {:8.1e} {}\n", name, 1e6 * elapsed_s / runs, error, right ? "ok" : "WRONG");
}

double relative_error(double value, double expected) {
  return std::abs(value / expected - 1.0);
}

double fit_error() {
  double error = 0.0;
  for (const double scv : {1e-4, 0.02, 0.1, 0.37, 1.0, 2.0, 100.0})
    error = std::max(error, relative_error(fit_phase_type(0.01, scv).scv(), scv));
  return error;
}

double convolution_error() {
  const PhaseType step = fit_phase_type(0.01, 0.3);
  const PhaseType sum = convolution(std::vector<PhaseType>(16, step));
  return relative_error(sum.scv(), 0.3 / 16);
}

double layers_error() {
  const PhaseType layers = approximate_repeated(fit_phase_type(0.01, 0.3), 126);
  return relative_error(layers.scv(), 0.3 / 126);
}

double exponential_maximum_error(int members) {
  double harmonic = 0.0;
  for (int i = members; i >= 1; --i) harmonic += 1.0 / i;
  return relative_error(mean_and_variance(maximum(distribution_of(exponential(1.0)), members)).mean_s, harmonic);
}

double fitted_maximum_error() {
  const Distribution device = distribution_of(fit_phase_type(0.01, 0.02));
  const double flat = mean_and_variance(maximum(device, 16384)).mean_s;
  return relative_error(mean_and_variance(maximum(maximum(device, 8), 2048)).mean_s, flat);
}

double quantile_error() {
  PhaseTypeCurve curve(fit_phase_type(0.01, 0.3));
  double error = 0.0;
  for (const double p : {0.5, 0.95, 0.99, 0.999})
    error = std::max(error, relative_error(curve.cdf(curve.quantile_s(p)), p));
  return error;
}

}  // namespace

int main() {
  measure("7 fits to mean and scv", 1e-10, fit_error);
  measure("convolution of 16 (64 phases)", 1e-12, convolution_error);
  measure("126 layers by three moments", 1e-9, layers_error);
  measure("max of 16,384 exponentials, mean and variance", 1e-10, [] { return exponential_maximum_error(16384); });
  measure("max of 16,384 Erlang-50, flat and two-level", 1e-10, fitted_maximum_error);
  measure("4 quantiles, scv 0.3", 1e-11, quantile_error);
  return all_right ? 0 : 1;
}
