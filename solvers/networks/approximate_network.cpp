// SPDX-License-Identifier: Apache-2.0
// Approximate mean value analysis: Schweitzer's fixed point, and the linearizer around it.
#include <fmt/format.h>

#include "solvers/networks/queueing_network.h"

namespace windtunnel::solvers {
namespace {

// share_change[r](k, s): how much larger the share of class s at station k is when one customer of r is missing.
using ShareChanges = std::vector<Matrix>;

Vector seen_by(const NetworkSolution& solution, const Vector& customers, const ShareChanges& share_change, Index r) {
  Vector seen = Vector::Zero(solution.customers.rows());
  for (Index s = 0; s < customers.size(); ++s) {
    if (!(customers(s) > 0.0)) continue;
    const double left = customers(s) - (r == s ? 1.0 : 0.0);
    seen += left * (solution.customers.col(s) / customers(s) + share_change[static_cast<std::size_t>(r)].col(s));
  }
  return seen.cwiseMax(0.0);
}

void spread_evenly(const ClosedNetwork& network, const Vector& customers, NetworkSolution& solution) {
  for (Index r = 0; r < customers.size(); ++r) {
    Vector demand(station_count(network));
    for (Index k = 0; k < demand.size(); ++k) demand(k) = station(network, k).demand_s(r);
    solution.customers.col(r) = customers(r) * demand / demand.sum();
  }
}

// The fixed point for one population; returns whether it was reached.
bool settle(const ClosedNetwork& network, const Vector& customers, const ShareChanges& share_change,
            const ApproximateNetworkOptions& options, NetworkSolution& solution) {
  for (int i = 0; i < options.max_iterations; ++i) {
    const Matrix before = solution.customers;
    NetworkSolution next = solution;
    for (Index r = 0; r < customers.size(); ++r)
      if (customers(r) > 0.0) visit(network, r, customers(r), seen_by(solution, customers, share_change, r), next);
    next.iterations = solution.iterations + 1;
    solution = next;
    if ((solution.customers - before).cwiseAbs().maxCoeff() <= options.tolerance * customers.maxCoeff()) return true;
  }
  return false;
}

Vector population_vector(const ClosedNetwork& network) {
  Vector customers(class_count(network));
  for (Index r = 0; r < customers.size(); ++r) customers(r) = customers_of(network, r);
  return customers;
}

void finish_approximation(const ClosedNetwork& network, const char* name, bool settled, NetworkSolution& solution) {
  fill_utilization(network, solution);
  solution.has_converged = settled;
  solution.message =
      fmt::format("{}: {} after {} iterations", name, settled ? "settled" : "not settled", solution.iterations);
}

ShareChanges no_changes(const ClosedNetwork& network) {
  return ShareChanges(network.customers.size(), Matrix::Zero(station_count(network), class_count(network)));
}

}  // namespace

NetworkSolution solve_schweitzer(const ClosedNetwork& network, const ApproximateNetworkOptions& options) {
  require_network(network, false);
  NetworkSolution solution = empty_solution(network);
  const Vector customers = population_vector(network);
  spread_evenly(network, customers, solution);
  const bool settled = settle(network, customers, no_changes(network), options, solution);
  finish_approximation(network, "Schweitzer", settled, solution);
  return solution;
}

NetworkSolution solve_linearizer(const ClosedNetwork& network, const ApproximateNetworkOptions& options) {
  require_network(network, false);
  const Vector customers = population_vector(network);
  const Index classes = customers.size();
  NetworkSolution solution = empty_solution(network);
  spread_evenly(network, customers, solution);
  std::vector<NetworkSolution> fewer(static_cast<std::size_t>(classes), solution);
  ShareChanges share_change = no_changes(network);
  bool settled = true;
  // Three rounds, as Chandy and Neuse found enough; the last one ends with the full population.
  for (int round = 0; round < 3; ++round) {
    settled = settle(network, customers, share_change, options, solution);
    if (round == 2) break;
    ShareChanges next = share_change;
    for (Index r = 0; r < classes; ++r) {
      if (!(customers(r) > 0.0)) continue;
      Vector one_less = customers;
      one_less(r) -= 1.0;
      NetworkSolution& reduced = fewer[static_cast<std::size_t>(r)];
      spread_evenly(network, one_less, reduced);
      settle(network, one_less, share_change, options, reduced);
      for (Index s = 0; s < classes; ++s)
        if (one_less(s) > 0.0)
          next[static_cast<std::size_t>(r)].col(s) =
              reduced.customers.col(s) / one_less(s) - solution.customers.col(s) / customers(s);
    }
    share_change = next;
  }
  finish_approximation(network, "Linearizer", settled, solution);
  return solution;
}

}  // namespace windtunnel::solvers
