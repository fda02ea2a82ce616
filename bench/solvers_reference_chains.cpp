// SPDX-License-Identifier: Apache-2.0
// Certified long-run averages of chains on which plain iterations stall: cluster (N = argv[1]), tandem, stiff
// mainframe.
#include <cstdlib>

#include "cluster_model.h"
#include "cpu_clock.h"
#include "reference_models.h"
#include "solvers/certified_average.h"

using namespace windtunnel;

namespace {

bool average(const char* name, const solvers::Generator& q, const solvers::Vector& reward, double allowed_s,
             solvers::Method method) {
  bench::CpuClock clock;
  const solvers::PartialChain whole(q);
  const auto result = solve_certified_average(whole, reward, {.method = method});
  const double seconds = clock.seconds();
  std::printf("%-10s %ld states, %ld transitions: %.15g in [%.15g, %.15g] +-%.2g, %s, %lld iterations, %.2f s\n", name,
              static_cast<long>(q.states()), static_cast<long>(q.transitions()), result.value, result.bounds.lower,
              result.bounds.upper, result.error_bound.value_or(1.0), to_string(result.method_used).c_str(),
              result.iterations, seconds);
  bool fine = bench::expect(result.usable(), "the bounds are as close as asked for");
  return fine & bench::expect(seconds <= allowed_s, "in the time allowed");
}

}  // namespace

int main(int argc, char** argv) {
  const int workstations = argc > 1 ? std::atoi(argv[1]) : 128;
  auto method = solvers::Method::kAutomatic;
  if (argc > 2 && argv[2][0] == 'm') method = solvers::Method::kMultilevel;
  if (argc > 2 && argv[2][0] == 's') method = solvers::Method::kGaussSeidel;
  const auto cluster = bench::explore_cluster(workstations);
  const bench::ClusterModel model(workstations);
  solvers::Vector premium(cluster.generator.states());
  for (solvers::Index i = 0; i < premium.size(); ++i) {
    premium(i) = model.premium(cluster.states[static_cast<std::size_t>(i)]);
  }
  bool fine = average("cluster", cluster.generator, premium, 1.5, method);

  const auto tandem = bench::explore_tandem(511);
  solvers::Vector customers(tandem.generator.states());
  for (solvers::Index i = 0; i < customers.size(); ++i) {
    const auto& s = tandem.states[static_cast<std::size_t>(i)];
    customers(i) = s.first + s.second;
  }
  fine &= average("tandem", tandem.generator, customers, 2.0, method);

  const auto mainframe = bench::explore_mainframe(40, 10);
  solvers::Vector jobs(mainframe.generator.states());
  for (solvers::Index i = 0; i < jobs.size(); ++i) jobs(i) = mainframe.states[static_cast<std::size_t>(i)].jobs;
  fine &= average("mainframe", mainframe.generator, jobs, 1.0, method);
  return fine ? 0 : 1;
}
