// SPDX-License-Identifier: Apache-2.0
// Solvers of closed queueing networks of product form (closed_network.h). Source for all of it: Lazowska, Zahorjan,
// Graham, Sevcik, Quantitative System Performance, 1984 (chapters 5 to 7); Bolch, Greiner, de Meer, Trivedi, Queueing
// Networks and Markov Chains, 2006 (chapters 8 and 9).
#pragma once
#include "solvers/networks/closed_network.h"

namespace windtunnel::solvers {

/// Mean value analysis, exact: Reiser, Lavenberg, Journal of the ACM 27, 1980. O(stations * classes * product of
/// (customers + 1)) time; only queues and delays. Throws std::invalid_argument for impossible networks, for
/// load-dependent stations (their recursion is unstable: use convolution), and when more than 1e8 populations would be
/// visited.
NetworkSolution solve_mean_value_analysis(const ClosedNetwork& network);

/// Normalising constants in logarithms, exact for every kind of station, never under- or overflowing. Buzen,
/// Communications of the ACM 16, 1973; several classes: Reiser, Kobayashi, IBM Journal of Research 19, 1975. A
/// load-dependent station costs (product of (customers + 1))^2.
NetworkSolution solve_convolution(const ClosedNetwork& network);

struct ApproximateNetworkOptions {
  /// Largest change of a mean number, relative to the customers of its class. > 0.
  double tolerance = 1e-10;
  int max_iterations = 10'000;
};

/// Approximate mean value analysis of any size: an arrival sees (N - 1) / N of its own class. Schweitzer 1979; Bard
/// 1979. Errors of 5 to 20 % for small populations.
NetworkSolution solve_schweitzer(const ClosedNetwork& network, const ApproximateNetworkOptions& options = {});

/// The same with first-order corrections of those shares, from the populations with one customer less: Chandy, Neuse,
/// Communications of the ACM 25, 1982. Errors mostly below 1 to 2 %. O(stations * classes^2) per iteration.
NetworkSolution solve_linearizer(const ClosedNetwork& network, const ApproximateNetworkOptions& options = {});

/// Proven bounds on the throughput of a network of one class with queues and delays.
struct ThroughputBounds {
  double lower_per_s = 0.0;
  double upper_per_s = 0.0;
};
/// N / (D + Z + (N - 1) D) <= X <= min(1 / Dmax, N / (D + Z)). Denning, Buzen 1978.
ThroughputBounds asymptotic_bounds(const ClosedNetwork& network);
/// Never wider. Zahorjan, Sevcik, Eager, Galler, Communications of the ACM 25, 1982; with think time as in Lazowska et
/// al., table 5.2.
ThroughputBounds balanced_job_bounds(const ClosedNetwork& network);

}  // namespace windtunnel::solvers
