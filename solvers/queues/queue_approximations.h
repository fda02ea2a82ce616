// SPDX-License-Identifier: Apache-2.0
// Mean waiting times from two moments: arrivals and service known by mean and squared coefficient of variation (scv)
// only. Bounds are proven for renewal arrivals; approximations are named after their authors and proven by nothing.
// Exact answers for phase-type laws: solvers/queues/map_ph_1.h. All throw std::invalid_argument for rates not > 0, scv
// < 0, servers < 1 and "unstable: arrival_rate 50 /s, capacity 41 /s".
#pragma once

namespace windtunnel::solvers {

/// Independent interarrival times and independent services, first come first served.
struct TwoMomentQueue {
  double arrival_per_s = 0.0;
  double arrival_scv = 1.0;
  /// Rate of one server.
  double service_per_s = 0.0;
  double service_scv = 1.0;
  int servers = 1;
};

/// Upper bound for one server: (variance of interarrival + variance of service time) arrival rate / (2 (1 - rho)).
/// Kingman, Proceedings of the Cambridge Philosophical Society 58, 1962.
double kingman_upper_bound_s(const TwoMomentQueue& queue);

/// Lower bound for one server: max(0, (rho^2 (1 + c_s^2) - 2 rho) / (2 arrival rate (1 - rho))).
/// Marchal, AIIE Transactions 10, 1978.
double marchal_lower_bound_s(const TwoMomentQueue& queue);

/// Approximation for one server: Kingman's bound times (1 + c_s^2) / (1 / rho^2 + c_s^2); exact for M/G/1.
/// Marchal, ORSA/TIMS meeting 1976; in Gross, Harris, Fundamentals of Queueing Theory, 3rd edition, section 7.1.
double marchal_waiting_s(const TwoMomentQueue& queue);

/// Approximation for one server: Kingman's formula with the correction for c_a^2 < 1 (and > 1) of Kraemer and
/// Langenbach-Belz, 8th International Teletraffic Congress, 1976.
double kraemer_langenbach_belz_waiting_s(const TwoMomentQueue& queue);

/// Approximation for any number of servers: (c_a^2 + c_s^2) / 2 times the waiting of M/M/c (Erlang C). Exact for M/M/c
/// and M/G/1. Allen, Probability, Statistics and Queueing Theory, 1990, section 5.4 (Allen-Cunneen).
double allen_cunneen_waiting_s(const TwoMomentQueue& queue);

/// Approximation for any number of servers by interpolation between M/M/c, M/D/c and D/M/c, the latter two by
/// Cosmetatos' factors: Kimura, Operations Research 34, 1986; factors as in Whitt, Production and Operations Management
/// 2, 1993, equations 2.15 to 2.17.
double kimura_waiting_s(const TwoMomentQueue& queue);

}  // namespace windtunnel::solvers
