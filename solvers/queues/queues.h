// SPDX-License-Identifier: Apache-2.0
// Queues with closed forms: answers in microseconds, and oracles for the chains.
// Sources: Kleinrock, Queueing Systems I, 1975 (chapters 3 and 5); Cooper, Introduction to Queueing Theory, 1981
// (Erlang B and C). All throw std::invalid_argument for rates that are not finite and > 0, counts below 1, and, where
// the line is unlimited, for a load at or above the capacity ("unstable: arrival_rate 50 /s, capacity 41 /s").
#pragma once
#include <functional>

#include "solvers/numerics/central_moments.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// Stationary law of a birth-death chain on 0..n: birth_per_s(i) leads from i to i + 1, death_per_s(i) from i + 1 to i,
/// both of n entries, > 0. Product form, from the mode outwards, so that nothing overflows.
Vector birth_death_distribution(const Vector& birth_per_s, const Vector& death_per_s);

/// Long-run averages; waiting excludes service, response includes it. Times are those of customers who enter.
struct QueueAverages {
  /// Offered work over capacity; busy share of each server where nobody is refused.
  double utilization_ratio = 0.0;
  double customers = 0.0;
  double waiting_customers = 0.0;
  double waiting_s = 0.0;
  double response_s = 0.0;
  /// Probability that an arrival has to wait (enters, but finds every server busy).
  double wait_probability = 0.0;
};

/// One server, Poisson arrivals, exponential service. Response is exponential with rate service - arrival.
QueueAverages mm1(double arrival_per_s, double service_per_s);

/// `servers` equal servers with one line. wait_probability is Erlang C.
QueueAverages mmc(double arrival_per_s, double service_per_s, int servers);

/// Probability that all of `servers` are busy when nobody waits (loss system), offered load in erlangs > 0. By
/// recursion over the number of servers, which only adds and divides.
double erlang_b(double offered_load, int servers);
/// Probability of waiting; offered load < servers.
double erlang_c(double offered_load, int servers);

struct FiniteQueue {
  QueueAverages averages;
  /// Probability of each number of customers, 0..capacity.
  Vector probability;
  /// Probability that an arrival is refused.
  double blocking_probability = 0.0;
  /// Customers served per second.
  double throughput_per_s = 0.0;
};

/// `servers` servers, at most `capacity` >= servers customers in all; arrivals beyond are lost. Any load. servers = 1
/// is M/M/1/K, capacity = servers the Erlang loss system.
FiniteQueue mmck(double arrival_per_s, double service_per_s, int servers, int capacity);

/// One server, Poisson arrivals, any service with these moments (Pollaczek-Khinchine): mean wait lambda E[S^2] / (2 (1
/// - rho)).
struct GeneralServiceQueue {
  QueueAverages averages;
  /// Variance of the waiting time (first come first served), from the third moment (Takacs 1962).
  double waiting_variance_s2 = 0.0;
};
GeneralServiceQueue mg1(double arrival_per_s, const CentralMoments& service);

/// One exponential server, independent interarrival times of any law.
struct GeneralArrivalQueue {
  QueueAverages averages;
  /// Probability that an arrival finds the server busy; n customers or more with its n-th power.
  double busy_at_arrival = 0.0;
  /// Waits that are not 0 are exponential with this rate.
  double waiting_decay_per_s = 0.0;
};
/// `transform(s)` = E[exp(-s A)] of the time A between arrivals, of mean interarrival_s: exp(-s d) where arrivals are
/// regular. The probability sigma is the root below 1 of sigma = transform(service_per_s (1 - sigma)); near full load
/// its distance from 1 has the digits that transform has beyond it. Kleinrock I, section 6.4.
GeneralArrivalQueue gm1(const std::function<double(double)>& transform, double interarrival_s, double service_per_s);

/// `machines` that fail at failure_per_s each while up and are repaired by `crews` at repair_per_s each.
struct MachineRepair {
  /// Probability of each number of machines down, 0..machines.
  Vector probability;
  double machines_down = 0.0;
  /// Machines that wait for a crew.
  double machines_waiting = 0.0;
  double crews_busy = 0.0;
  /// Repairs per second, = failures per second.
  double throughput_per_s = 0.0;
  /// Probability that at most `down` machines are down, 0 <= down.
  double at_most(int down) const;
};
MachineRepair machine_repair(int machines, int crews, double failure_per_s, double repair_per_s);

}  // namespace windtunnel::solvers
