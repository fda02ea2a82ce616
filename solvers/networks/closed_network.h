// SPDX-License-Identifier: Apache-2.0
// A closed queueing network of product form (BCMP) and its solution: a fixed number of customers of each class
// circulates between stations. What all its solvers (queueing_network.h) share.
#pragma once
#include <string>
#include <vector>

#include "solvers/linear/m_matrix.h"

namespace windtunnel::solvers {

struct NetworkStation {
  enum class Kind {
    /// One server: processor sharing, or first come first served with equal exponential services.
    kQueue,
    /// Nobody waits.
    kDelay,
    /// Rate depends on the number present: relative_rate(n - 1) with n customers, relative to demand.
    kLoadDependent
  };
  Kind kind = Kind::kQueue;
  /// Demand of each class per cycle: visits * mean service time, >= 0.
  Vector demand_s;
  /// kLoadDependent only: > 0; from its last entry on the rate stays. A station of c servers has 1, 2, ..., c.
  Vector relative_rate = {};
};

struct ClosedNetwork {
  std::vector<NetworkStation> stations;
  /// Customers of each class, >= 0.
  std::vector<int> customers;
};

struct NetworkSolution {
  /// Cycles per second of each class.
  Vector throughput_per_s;
  /// Mean number at each station (row) of each class (column), and time spent there per cycle.
  Matrix customers;
  Matrix residence_s;
  /// Busy share of a one-server station; mean number at a delay station; P(not empty) of a load-dependent one (exact
  /// methods only, else NaN).
  Vector utilization_ratio;
  /// Whether the answer is exact for networks of product form.
  bool is_exact = false;
  int iterations = 0;
  bool has_converged = false;
  std::string message = "the network was not solved";

  bool usable() const { return has_converged; }
};

inline Index class_count(const ClosedNetwork& network) {
  return static_cast<Index>(network.customers.size());
}

inline Index station_count(const ClosedNetwork& network) {
  return static_cast<Index>(network.stations.size());
}

inline const NetworkStation& station(const ClosedNetwork& network, Index k) {
  return network.stations[static_cast<std::size_t>(k)];
}

inline int customers_of(const ClosedNetwork& network, Index r) {
  return network.customers[static_cast<std::size_t>(r)];
}

/// Throws std::invalid_argument "network: ..." for one that cannot be, and for load-dependent stations unless they may.
void require_network(const ClosedNetwork& network, bool may_depend_on_load);

/// Nobody anywhere; utilizations unknown.
NetworkSolution empty_solution(const ClosedNetwork& network);

/// Of all but load-dependent stations, from the throughputs.
void fill_utilization(const ClosedNetwork& network, NetworkSolution& solution);

/// Throughput, residence and customers of class r when an arrival of it sees `seen` customers at each station: the step
/// of exact and approximate mean value analysis.
void visit(const ClosedNetwork& network, Index r, double customers, const Vector& seen, NetworkSolution& solution);

}  // namespace windtunnel::solvers
