// SPDX-License-Identifier: Apache-2.0
// The workstation cluster with N = 128 (or argv[1]): exploration, stationary distribution, certified premium
// quality.
#include <cstdlib>

#include "cluster_model.h"
#include "cpu_clock.h"
#include "solvers/long_run/long_run_average.h"

using namespace windtunnel;

int main(int argc, char** argv) {
  const int workstations = argc > 1 ? std::atoi(argv[1]) : 128;
  bench::CpuClock clock;
  const auto space = bench::explore_cluster(workstations);
  const auto& q = space.generator;
  std::printf("explore     N=%d: %ld states, %ld transitions, %.2f s\n", workstations, static_cast<long>(q.states()),
              static_cast<long>(q.transitions()), clock.seconds());

  clock.restart();
  const auto stationary = solvers::solve_stationary(q);
  const double stationary_s = clock.seconds();
  std::printf("stationary  %s, %lld iterations, residual %.2g, %.2f s\n", to_string(stationary.method_used).c_str(),
              stationary.iterations, stationary.residual_ratio(), stationary_s);
  bool fine = bench::expect(stationary.usable() && stationary.residual_ratio() <= 1e-12, "residual <= 1e-12");

  const bench::ClusterModel model(workstations);
  solvers::Vector premium(q.states());
  for (solvers::Index i = 0; i < q.states(); ++i) premium(i) = model.premium(space.states[static_cast<std::size_t>(i)]);
  clock.restart();
  const auto average = solve_long_run_average(q, premium);
  std::printf("premium     %.12f in [%.12f, %.12f], %lld iterations, %.2f s\n", average.value, average.bounds.lower,
              average.bounds.upper, average.iterations, clock.seconds());
  fine &= bench::expect(average.usable(), "bounds closer than 1e-10");
  if (workstations != 128) return fine ? 0 : 1;
  fine &= bench::expect(q.states() == 597'012 && q.transitions() == 2'908'192, "597,012 states, 2,908,192 transitions");
  fine &= bench::expect(stationary_s <= 3.0, "stationary distribution within 3 s");
  // Quantitative Verification Benchmark Set, ctmc/cluster, Storm --sound: [0.9979378910002, 0.9979378911998].
  fine &= bench::expect(average.bounds.upper >= 0.9979378910002 && average.bounds.lower <= 0.9979378911998,
                        "premium meets the published interval");
  return fine ? 0 : 1;
}
