// SPDX-License-Identifier: Apache-2.0
// Normalising constants of closed networks, in logarithms.
#include <algorithm>
#include <cmath>
#include <limits>

#include "solvers/networks/network_populations.h"
#include "solvers/networks/queueing_network.h"

namespace windtunnel::solvers {
namespace {

using Kind = NetworkStation::Kind;

double log_sum(double a, double b) {
  if (a < b) std::swap(a, b);
  return std::isinf(b) ? a : a + std::log1p(std::exp(b - a));
}

using LogWeights = std::vector<double>;

LogWeights only_empty(const Populations& populations) {
  LogWeights weights(static_cast<std::size_t>(populations.size()), -std::numeric_limits<double>::infinity());
  weights[0] = 0.0;
  return weights;
}

// G_k(n) = G_(k-1)(n) + sum over classes of demand * G_k(n - one of the class).
void add_queue(const Populations& populations, const Vector& demand_s, LogWeights& g) {
  for (Index n = 0; n < populations.size(); ++n)
    for (Index r = 0; r < demand_s.size(); ++r)
      if (populations.count(n, r) > 0 && demand_s(r) > 0.0)
        g[static_cast<std::size_t>(n)] =
            log_sum(g[static_cast<std::size_t>(n)],
                    std::log(demand_s(r)) + g[static_cast<std::size_t>(n - populations.stride(r))]);
}

// log of the weight of n customers at a delay or load-dependent station.
LogWeights own_weights(const Populations& populations, const NetworkStation& station) {
  LogWeights weights;
  for (Index n = 0; n < populations.size(); ++n) {
    double weight = 0.0;
    int total = 0;
    for (Index r = 0; r < station.demand_s.size(); ++r) {
      const int count = populations.count(n, r);
      total += count;
      if (count > 0) weight += count * std::log(station.demand_s(r)) - std::lgamma(count + 1.0);
    }
    if (station.kind == Kind::kLoadDependent) {
      weight += std::lgamma(total + 1.0);
      for (Index i = 0; i < total; ++i)
        weight -= std::log(station.relative_rate(std::min(i, station.relative_rate.size() - 1)));
    }
    weights.push_back(weight);
  }
  return weights;
}

bool fits(const Populations& populations, Index part, Index whole, Index classes) {
  for (Index r = 0; r < classes; ++r)
    if (populations.count(part, r) > populations.count(whole, r)) return false;
  return true;
}

LogWeights convolved(const Populations& populations, const LogWeights& x, const LogWeights& y, Index classes) {
  LogWeights result(x.size(), -std::numeric_limits<double>::infinity());
  for (Index n = 0; n < populations.size(); ++n)
    for (Index part = 0; part <= n; ++part)
      if (fits(populations, part, n, classes))
        result[static_cast<std::size_t>(n)] =
            log_sum(result[static_cast<std::size_t>(n)],
                    x[static_cast<std::size_t>(part)] + y[static_cast<std::size_t>(n - part)]);
  return result;
}

void add_station(const Populations& populations, const NetworkStation& station, LogWeights& g) {
  if (station.kind == Kind::kQueue) return add_queue(populations, station.demand_s, g);
  g = convolved(populations, g, own_weights(populations, station), station.demand_s.size());
}

LogWeights normalising_constants(const ClosedNetwork& network, const Populations& populations, Index left_out = -1) {
  LogWeights g = only_empty(populations);
  for (Index k = 0; k < station_count(network); ++k)
    if (k != left_out) add_station(populations, station(network, k), g);
  return g;
}

// E[n_kr] = sum over n of n_r weight(n) G without k(N - n) / G(N).
void count_at_load_dependent(const ClosedNetwork& network, const Populations& populations, Index k, double log_total,
                             NetworkSolution& solution) {
  const LogWeights others = normalising_constants(network, populations, k);
  const LogWeights own = own_weights(populations, station(network, k));
  const Index full = populations.full();
  solution.utilization_ratio(k) = 0.0;
  for (Index n = 1; n <= full; ++n) {
    const double probability =
        std::exp(own[static_cast<std::size_t>(n)] + others[static_cast<std::size_t>(full - n)] - log_total);
    solution.utilization_ratio(k) += probability;
    for (Index r = 0; r < class_count(network); ++r) solution.customers(k, r) += populations.count(n, r) * probability;
  }
}

// E[n_kr] = demand * G with station k twice (N - one of r) / G(N).
void count_at_queue(const ClosedNetwork& network, const Populations& populations, Index k, LogWeights g,
                    double log_total, NetworkSolution& solution) {
  const Vector& demand_s = station(network, k).demand_s;
  add_queue(populations, demand_s, g);
  for (Index r = 0; r < class_count(network); ++r)
    if (customers_of(network, r) > 0)
      solution.customers(k, r) =
          demand_s(r) * std::exp(g[static_cast<std::size_t>(populations.full() - populations.stride(r))] - log_total);
}

}  // namespace

NetworkSolution solve_convolution(const ClosedNetwork& network) {
  require_network(network, true);
  const Populations populations(network);
  NetworkSolution solution = empty_solution(network);
  const LogWeights g = normalising_constants(network, populations);
  const Index full = populations.full();
  const double log_total = g[static_cast<std::size_t>(full)];
  for (Index r = 0; r < class_count(network); ++r)
    if (customers_of(network, r) > 0)
      solution.throughput_per_s(r) = std::exp(g[static_cast<std::size_t>(full - populations.stride(r))] - log_total);
  for (Index k = 0; k < station_count(network); ++k) {
    const NetworkStation& each = station(network, k);
    if (each.kind == Kind::kDelay)
      solution.customers.row(k) = each.demand_s.cwiseProduct(solution.throughput_per_s).transpose();
    if (each.kind == Kind::kQueue) count_at_queue(network, populations, k, g, log_total, solution);
    if (each.kind == Kind::kLoadDependent) count_at_load_dependent(network, populations, k, log_total, solution);
  }
  for (Index r = 0; r < class_count(network); ++r)
    if (solution.throughput_per_s(r) > 0.0)
      solution.residence_s.col(r) = solution.customers.col(r) / solution.throughput_per_s(r);
  fill_utilization(network, solution);
  solution.is_exact = solution.has_converged = true;
  solution.message =
      fmt::format("convolution over {} populations, log of the constant {:.6g}", populations.size(), log_total);
  return solution;
}

}  // namespace windtunnel::solvers
