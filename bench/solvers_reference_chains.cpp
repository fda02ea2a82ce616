// SPDX-License-Identifier: Apache-2.0
// Certified long-run averages of chains on which plain iterations stall: cluster (N = argv[1]), tandem, stiff
// mainframe, the last two also with their states in random order.
#include <cstdlib>
#include <numeric>
#include <random>

#include "cluster_model.h"
#include "cpu_clock.h"
#include "reference_models.h"
#include "solvers/long_run/certified_average.h"

using namespace windtunnel;

namespace {

std::vector<solvers::Index> shuffled(solvers::Index states) {
  std::vector<solvers::Index> order(static_cast<std::size_t>(states));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(5);
  for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random() % k]);
  return order;
}

bool average(const char* name, const solvers::PartialChain& whole, const solvers::Vector& reward, double allowed_s,
             solvers::Method method) {
  bench::CpuClock clock;
  const solvers::Generator& q = whole.whole();
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
  bool fine = average("cluster", solvers::PartialChain(cluster.generator), premium, 1.5, method);

  const auto tandem = bench::explore_tandem(511);
  solvers::Vector customers(tandem.generator.states());
  for (solvers::Index i = 0; i < customers.size(); ++i) {
    const auto& s = tandem.states[static_cast<std::size_t>(i)];
    customers(i) = s.first + s.second;
  }
  fine &= average("tandem", solvers::PartialChain(tandem.generator), customers, 2.0, method);
  const solvers::PartialChain mixed_tandem(tandem.generator, shuffled(tandem.generator.states()));
  fine &= average("tandem, shuffled", mixed_tandem, customers, 5.0, method);

  const auto mainframe = bench::explore_mainframe(40, 10);
  solvers::Vector jobs(mainframe.generator.states());
  for (solvers::Index i = 0; i < jobs.size(); ++i) jobs(i) = mainframe.states[static_cast<std::size_t>(i)].jobs;
  fine &= average("mainframe", solvers::PartialChain(mainframe.generator), jobs, 1.0, method);
  const solvers::PartialChain mixed_mainframe(mainframe.generator, shuffled(mainframe.generator.states()));
  fine &= average("mainframe, shuffled", mixed_mainframe, jobs, 2.0, method);
  return fine ? 0 : 1;
}
