// SPDX-License-Identifier: Apache-2.0
#include "solvers/networks/open_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace windtunnel::solvers {
namespace {

[[noreturn]] void fail(const std::string& message) {
  throw std::invalid_argument(message);
}

void require_station(const OpenStation& station, Index number) {
  if (!(station.service_per_s > 0.0) || std::isinf(station.service_per_s))
    fail(fmt::format("station {}: service rate {} is not a finite number > 0", number, station.service_per_s));
  if (!(station.arrival_per_s >= 0.0) || std::isinf(station.arrival_per_s))
    fail(fmt::format("station {}: arrival rate {} is not a finite number >= 0", number, station.arrival_per_s));
  if (station.servers < 0) fail(fmt::format("station {}: {} servers, expected at least 0", number, station.servers));
}

/// Probability to leave from each station. Decimal fractions such as 0.1 + 0.2 + 0.7 may sum to a little more than 1.
Vector leaving(const OpenNetwork& network) {
  constexpr double kRoundoff = 1e-12;
  Vector leaving(network.routing.rows());
  for (Index i = 0; i < leaving.size(); ++i) {
    const double on = network.routing.row(i).sum();
    if (!(network.routing.row(i).minCoeff() >= 0.0) || !(on <= 1.0 + kRoundoff))
      fail(fmt::format("station {}: routing is no row of probabilities, they sum to {}", i, on));
    leaving(i) = 1.0 - on < kRoundoff ? 0.0 : 1.0 - on;
  }
  return leaving;
}

void require_network(const OpenNetwork& network) {
  const auto count = static_cast<Index>(network.stations.size());
  if (count == 0 || network.routing.rows() != count || network.routing.cols() != count)
    fail(fmt::format("{} stations and a routing of {} x {}", count, network.routing.rows(), network.routing.cols()));
  double arrivals = 0.0;
  for (Index i = 0; i < count; ++i) {
    const OpenStation& station = network.stations[static_cast<std::size_t>(i)];
    require_station(station, i);
    arrivals += station.arrival_per_s;
  }
  if (arrivals == 0.0) fail("nobody arrives");
}

Vector arrivals_of(const OpenNetwork& network) {
  Vector arrivals(network.routing.rows());
  for (Index i = 0; i < arrivals.size(); ++i) arrivals(i) = network.stations[static_cast<std::size_t>(i)].arrival_per_s;
  return arrivals;
}

Vector traffic(const OpenNetwork& network) {
  const MMatrixFactors factors(network.routing, leaving(network));
  if (const auto stuck = factors.stuck_state()) fail(fmt::format("customers never leave from station {}", *stuck));
  return factors.solve_left(arrivals_of(network).transpose()).transpose();
}

/// M/M/infinity: a Poisson number of customers, who are all in service.
QueueAverages unlimited(double arrival_per_s, double service_per_s) {
  QueueAverages result;
  result.response_s = 1.0 / service_per_s;
  result.customers = arrival_per_s / service_per_s;
  return result;
}

QueueAverages averages(const OpenStation& station, double arrival_per_s, Index number) {
  if (station.servers == 0) return unlimited(arrival_per_s, station.service_per_s);
  if (arrival_per_s == 0.0) {
    QueueAverages idle;
    idle.response_s = 1.0 / station.service_per_s;
    return idle;
  }
  try {
    return mmc(arrival_per_s, station.service_per_s, station.servers);
  } catch (const std::invalid_argument& error) {
    fail(fmt::format("station {}: {}", number, error.what()));
  }
}

}  // namespace

OpenNetworkSolution solve_open_network(const OpenNetwork& network) {
  require_network(network);
  OpenNetworkSolution result{.throughput_per_s = traffic(network)};
  for (Index i = 0; i < result.throughput_per_s.size(); ++i) {
    const OpenStation& station = network.stations[static_cast<std::size_t>(i)];
    result.stations.push_back(averages(station, result.throughput_per_s(i), i));
    result.customers += result.stations.back().customers;
  }
  result.response_s = result.customers / arrivals_of(network).sum();
  return result;
}

}  // namespace windtunnel::solvers
