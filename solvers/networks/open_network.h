// SPDX-License-Identifier: Apache-2.0
// Open queueing networks of product form: customers come from outside, walk from station to station, and leave. In the
// long run the numbers at the stations are independent, each as at a station with Poisson arrivals of its own, although
// the streams between stations are none.
// Source: J. R. Jackson, Jobshop-like queueing systems, Management Science 10, 1963; Bolch, Greiner, de Meer, Trivedi,
// Queueing Networks and Markov Chains, 2006, chapter 7.
#pragma once
#include <vector>

#include "solvers/linear/m_matrix.h"
#include "solvers/queues/queues.h"

namespace windtunnel::solvers {

struct OpenStation {
  /// Of one server, exponential; > 0. With one server also any service under processor sharing.
  double service_per_s = 0.0;
  /// >= 1, or 0: as many as there are customers, nobody waits.
  int servers = 1;
  /// Poisson, from outside; >= 0.
  double arrival_per_s = 0.0;
};

struct OpenNetwork {
  std::vector<OpenStation> stations;
  /// Entry (i, j): probability that a customer goes on from i to j. Rows sum to at most 1; the rest leaves.
  Matrix routing;
};

struct OpenNetworkSolution {
  /// Customers per second through each station, repeated visits counted.
  Vector throughput_per_s;
  /// Times are those of one visit.
  std::vector<QueueAverages> stations;
  /// In the whole network.
  double customers = 0.0;
  /// From coming to leaving, mean.
  double response_s = 0.0;
};

/// Solves the traffic equations lambda (I - routing) = arrivals without a subtraction, then each station on its own.
/// Throws std::invalid_argument for impossible networks, for customers who never leave, and for a station without room
/// ("station 2: unstable: arrival_rate 50 /s, capacity 41 /s").
OpenNetworkSolution solve_open_network(const OpenNetwork& network);

}  // namespace windtunnel::solvers
