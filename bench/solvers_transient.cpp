// SPDX-License-Identifier: Apache-2.0
// The workstation cluster with N = 16 until t = 100 h by uniformization: mass, bound and speed.
#include <cstdlib>

#include "cluster_model.h"
#include "cpu_clock.h"
#include "solvers/chain/initial_distribution.h"
#include "solvers/transient/transient.h"

using namespace windtunnel;

int main(int argc, char** argv) {
  const int workstations = argc > 1 ? std::atoi(argv[1]) : 16;
  const auto space = bench::explore_cluster(workstations);
  const auto& q = space.generator;
  bench::CpuClock clock;
  const auto solution = solve_transient(q, solvers::point_mass(q.states(), 0), {1.0, 10.0, 100.0});
  const double seconds = clock.seconds();
  if (!bench::expect(solution.usable(), solution.message.c_str())) return 1;
  const double work = static_cast<double>(solution.iterations) * static_cast<double>(q.transitions());
  std::printf("%ld states, %ld transitions, %lld products, bound %.2g, %.3f s, %.2f ns per transition\n",
              static_cast<long>(q.states()), static_cast<long>(q.transitions()), solution.iterations,
              *solution.error_bound, seconds, 1e9 * seconds / work);
  bool fine = bench::expect(*solution.error_bound < 1e-10, "error bound < 1e-10");
  for (const auto& probability : solution.probability) {
    fine &= bench::expect(std::abs(probability.sum() - 1.0) <= *solution.error_bound, "mass 1 within the bound");
  }
  return fine ? 0 : 1;
}
