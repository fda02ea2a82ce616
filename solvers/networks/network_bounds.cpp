// SPDX-License-Identifier: Apache-2.0
// Bounds on the throughput of closed networks.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "solvers/networks/queueing_network.h"

namespace windtunnel::solvers {
namespace {

// Demand of the one class: total and largest over the queues, and the delay.
struct Demands {
  double total_s = 0.0, largest_s = 0.0, delay_s = 0.0;
  int queues = 0;
};

Demands demands_of_one_class(const ClosedNetwork& network) {
  require_network(network, false);
  if (class_count(network) != 1) {
    throw std::invalid_argument(fmt::format("network: bounds of {} classes, expected 1", class_count(network)));
  }
  Demands demands;
  for (const NetworkStation& each : network.stations) {
    const double demand_s = each.demand_s(0);
    if (each.kind == NetworkStation::Kind::kDelay) {
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
