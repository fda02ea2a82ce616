// SPDX-License-Identifier: Apache-2.0
// A stretch of time in which the load or the replicas of a serving system change, and what is told of it. The chain
// (chains/load_over_time.h) and the event simulation (chains/load_simulation.h) answer the same LoadEpisode.
//
// Requests come as a Poisson process whose rate is the system's times arrival_factor. Replicas lost in a failure hand
// what they held to the others, where it starts anew; later they serve again, empty. An autoscaler looks every interval
// and wants ceil(requests present / requests_per_replica) replicas: it starts what is missing, and gives up what was
// more than the most wanted during the stop delay; replicas given up finish what they hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/requests/system.h"

namespace windtunnel::modeling {

struct LoadEpisode {
  Transient transient;
  std::optional<Autoscaling> scaling;
};

/// Of the system's arrival rate, >= 0. Before 0 there is the load curve alone.
double arrival_factor(const Transient& transient, double time_s);
/// Its largest value, > 0.
double largest_factor(const Transient& transient);
/// Replicas that are not lost at this time.
Count replicas_up(const Transient& transient, Count replicas, double time_s);
/// How long before 0 an episode starts, so that it forgets how: 30 requests, and 10 starts and stops of replicas.
double settling_time_s(const LoadEpisode& episode, double request_s);
/// Times within (0, horizon) at which something jumps, increasing.
std::vector<double> jump_times_s(const Transient& transient);
/// Replicas the autoscaler wants for so many requests present.
Count wanted_replicas(const Autoscaling& scaling, double present, Count most_replicas);

/// Windows of equal length into which the horizon is cut.
inline constexpr int kLoadWindows = 120;

/// One window: the chain speaks of its middle, the simulation of all of it.
struct LoadPoint {
  double time_s = 0.0;
  double arrival_per_s = 0.0;
  /// Means: replicas that serve, requests present, of them without a slot.
  double replicas = 0.0;
  double present = 0.0;
  double waiting = 0.0;
  /// Of requests that arrive then; first entry: all classes together.
  std::vector<ClassAnswer> classes;
};

struct LoadAnswer {
  std::vector<LoadPoint> points;
  std::vector<ChainRecord> chains;
  std::vector<std::string> warnings;
};

}  // namespace windtunnel::modeling
