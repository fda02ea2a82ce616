// SPDX-License-Identifier: Apache-2.0
#include "solvers/queueing_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace windtunnel::solvers {
namespace {

using Kind = NetworkStation::Kind;

template <typename... Arguments>
[[noreturn]] void reject(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  throw std::invalid_argument("network: " + fmt::format(text, std::forward<Arguments>(arguments)...));
}

Index class_count(const ClosedNetwork& network) {
  return static_cast<Index>(network.customers.size());
}

Index station_count(const ClosedNetwork& network) {
  return static_cast<Index>(network.stations.size());
}

const NetworkStation& station(const ClosedNetwork& network, Index k) {
  return network.stations[static_cast<std::size_t>(k)];
}

int customers_of(const ClosedNetwork& network, Index r) {
  return network.customers[static_cast<std::size_t>(r)];
}

void check_station(const NetworkStation& station, Index number, Index classes, bool may_depend_on_load) {
  if (station.demand_s.size() != classes)
    reject("station {} has {} demands, expected {}", number, station.demand_s.size(), classes);
  for (Index r = 0; r < classes; ++r)
    if (!(station.demand_s(r) >= 0.0) || std::isinf(station.demand_s(r)))
      reject("demand {} s of class {} at station {} is not a finite number >= 0", station.demand_s(r), r, number);
  if (station.kind != Kind::kLoadDependent) return;
  if (!may_depend_on_load) reject("station {} is load-dependent, which only convolution solves", number);
  if (station.relative_rate.size() == 0 || !(station.relative_rate.array() > 0.0).all())
    reject("station {} needs relative rates > 0", number);
}

void check(const ClosedNetwork& network, bool may_depend_on_load) {
  if (network.customers.empty()) reject("no classes");
  for (Index k = 0; k < station_count(network); ++k)
    check_station(station(network, k), k, class_count(network), may_depend_on_load);
  for (Index r = 0; r < class_count(network); ++r) {
    if (customers_of(network, r) < 0) reject("{} customers of class {}", customers_of(network, r), r);
    double total = 0.0;
    for (const NetworkStation& each : network.stations) total += each.demand_s(r);
    if (!(total > 0.0)) reject("class {} demands nothing", r);
  }
}

// All populations 0..N of each class, numbered so that one customer less is a smaller number.
class Populations {
 public:
  explicit Populations(const ClosedNetwork& network) : limit_(network.customers) {
    double count = 1.0;
    for (const int customers : limit_) {
      stride_.push_back(static_cast<Index>(count));
      count *= customers + 1.0;
    }
    if (count > 1e8) reject("{} populations to visit, expected at most 1e8", count);
    size_ = static_cast<Index>(count);
  }

  Index size() const { return size_; }
  Index full() const { return size_ - 1; }
  Index stride(Index r) const { return stride_[static_cast<std::size_t>(r)]; }
  int count(Index population, Index r) const {
    return static_cast<int>(population / stride(r) % (limit_[static_cast<std::size_t>(r)] + 1));
  }

 private:
  std::vector<int> limit_;
  std::vector<Index> stride_;
  Index size_ = 0;
};

NetworkSolution empty_solution(const ClosedNetwork& network) {
  NetworkSolution solution;
  const Index stations = station_count(network), classes = class_count(network);
  solution.throughput_per_s = Vector::Zero(classes);
  solution.customers = solution.residence_s = Matrix::Zero(stations, classes);
  solution.utilization_ratio = Vector::Constant(stations, std::numeric_limits<double>::quiet_NaN());
  return solution;
}

void fill_utilization(const ClosedNetwork& network, NetworkSolution& solution) {
  for (Index k = 0; k < station_count(network); ++k)
    if (station(network, k).kind != Kind::kLoadDependent)
      solution.utilization_ratio(k) = station(network, k).demand_s.dot(solution.throughput_per_s);
}

// Throughput, residence and customers of class r when an arrival of it sees `seen` customers at each station.
void visit(const ClosedNetwork& network, Index r, double customers, const Vector& seen, NetworkSolution& solution) {
  double cycle_s = 0.0;
  for (Index k = 0; k < station_count(network); ++k) {
    const double queue = station(network, k).kind == Kind::kQueue ? seen(k) : 0.0;
    solution.residence_s(k, r) = station(network, k).demand_s(r) * (1.0 + queue);
    cycle_s += solution.residence_s(k, r);
  }
  solution.throughput_per_s(r) = customers / cycle_s;
  solution.customers.col(r) = solution.throughput_per_s(r) * solution.residence_s.col(r);
}

// ---- convolution, in logarithms ----

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

// ---- approximate mean value analysis ----

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

// Demand of the one class: total and largest over the queues, and the delay.
struct Demands {
  double total_s = 0.0, largest_s = 0.0, delay_s = 0.0;
  int queues = 0;
};

Demands demands_of_one_class(const ClosedNetwork& network) {
  check(network, false);
  if (class_count(network) != 1) reject("bounds of {} classes, expected 1", class_count(network));
  Demands demands;
  for (const NetworkStation& each : network.stations) {
    const double demand_s = each.demand_s(0);
    if (each.kind == Kind::kDelay) {
      demands.delay_s += demand_s;
      continue;
    }
    demands.total_s += demand_s;
    demands.largest_s = std::max(demands.largest_s, demand_s);
    ++demands.queues;
  }
  return demands;
}

double capacity_per_s(const Demands& demands) {
  return demands.largest_s > 0.0 ? 1.0 / demands.largest_s : std::numeric_limits<double>::infinity();
}

}  // namespace

NetworkSolution solve_mean_value_analysis(const ClosedNetwork& network) {
  check(network, false);
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

NetworkSolution solve_convolution(const ClosedNetwork& network) {
  check(network, true);
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

NetworkSolution solve_schweitzer(const ClosedNetwork& network, const ApproximateNetworkOptions& options) {
  check(network, false);
  NetworkSolution solution = empty_solution(network);
  const Vector customers = population_vector(network);
  spread_evenly(network, customers, solution);
  const bool settled = settle(network, customers, no_changes(network), options, solution);
  finish_approximation(network, "Schweitzer", settled, solution);
  return solution;
}

NetworkSolution solve_linearizer(const ClosedNetwork& network, const ApproximateNetworkOptions& options) {
  check(network, false);
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

ThroughputBounds asymptotic_bounds(const ClosedNetwork& network) {
  const Demands demands = demands_of_one_class(network);
  const double n = network.customers[0];
  return {n / (demands.delay_s + n * demands.total_s),
          std::min(capacity_per_s(demands), n / (demands.delay_s + demands.total_s))};
}

ThroughputBounds balanced_job_bounds(const ClosedNetwork& network) {
  const Demands demands = demands_of_one_class(network);
  const double n = network.customers[0], empty_s = demands.total_s + demands.delay_s;
  if (n == 0.0 || demands.total_s == 0.0) return {n / empty_s, n / empty_s};
  const double average_s = demands.total_s / demands.queues;
  const double slowest = (n - 1.0) * demands.largest_s / (1.0 + demands.delay_s / (n * demands.total_s));
  const double fastest = (n - 1.0) * average_s / (1.0 + demands.delay_s / demands.total_s);
  return {n / (empty_s + slowest), std::min(capacity_per_s(demands), n / (empty_s + fastest))};
}

}  // namespace windtunnel::solvers
