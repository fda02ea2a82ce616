// SPDX-License-Identifier: Apache-2.0
// Exact mean value analysis of closed networks.
#include "solvers/networks/network_populations.h"
#include "solvers/networks/queueing_network.h"

namespace windtunnel::solvers {

NetworkSolution solve_mean_value_analysis(const ClosedNetwork& network) {
  require_network(network, false);
  const Populations populations(network);
  const Index classes = class_count(network);
  NetworkSolution solution = empty_solution(network);
  Matrix queued = Matrix::Zero(station_count(network), populations.size());
  for (Index n = 1; n < populations.size(); ++n) {
    for (Index r = 0; r < classes; ++r) {
      const int count = populations.count(n, r);
      if (count == 0) continue;
      visit(network, r, count, queued.col(n - populations.stride(r)), solution);
      queued.col(n) += solution.customers.col(r);
    }
  }
  for (Index r = 0; r < classes; ++r)
    if (customers_of(network, r) == 0) solution.customers.col(r).setZero(), solution.throughput_per_s(r) = 0.0;
  fill_utilization(network, solution);
  solution.is_exact = solution.has_converged = true;
  solution.message = fmt::format("mean value analysis over {} populations", populations.size());
  return solution;
}

}  // namespace windtunnel::solvers
