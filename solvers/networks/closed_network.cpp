// SPDX-License-Identifier: Apache-2.0
#include "solvers/networks/closed_network.h"

#include <fmt/format.h>

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

}  // namespace

void require_network(const ClosedNetwork& network, bool may_depend_on_load) {
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

}  // namespace windtunnel::solvers
