// SPDX-License-Identifier: Apache-2.0
// The requests present while load and replicas change: a birth-death chain modulated by the replicas that serve,
// followed through time.
//
// With the shortest queue the replicas share what is present evenly, one chain for all of them [A: what waits at one
// replica is not moved to another that comes up empty]. At random each replica is a chain of its own, exact given the
// rates; one that comes back starts empty.
//
// An autoscaler whose start times are random is part of the chain (chains/replica_modes.h) where that has few states;
// otherwise its replicas follow the mean (chains/scaling_schedule.h).
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "modeling/chains/latency_law.h"
#include "modeling/chains/replica_modes.h"
#include "modeling/chains/scaling_schedule.h"

namespace windtunnel::modeling {

/// What a request that arrives at one moment finds.
struct LoadView {
  double time_s = 0.0;
  double arrival_per_s = 0.0;
  double arrival_per_replica_s = 0.0;
  /// Means over the system: replicas that serve, requests present, of them without a slot.
  double replicas = 0.0;
  double present = 0.0;
  double waiting = 0.0;
  /// P(n slots held at the replica it comes to), n = 0 .. slots; the last: all of them.
  std::vector<double> slots_found;
  /// The same of a replica that serves, whoever comes.
  std::vector<double> slots_held;
  /// Waits for a slot, s; weights sum to slots_found.back().
  std::vector<LatencyLaw::Atom> waits;
};

/// How fast one replica works.
struct ReplicaPace {
  SlotRates rates;
  /// Seconds that one more prompt takes from decoding.
  double prompt_s = 0.0;
  /// Seconds of a request on a full replica.
  double request_s = 0.0;
  /// Work that is done twice where a request starts anew, in mean requests: E[length^2] / (2 E[length]^2).
  double restarted_ratio = 0.5;
};

class LoadPath {
 public:
  /// At time 0, after some time at the load that the curve had before.
  LoadPath(const ServingSystem& system, const LoadEpisode& episode, const ReplicaPace& pace);

  /// Times do not decrease.
  void advance_to(double time_s);
  LoadView view() const;
  ChainRecord record() const;

 private:
  struct Station {
    solvers::PopulationPath path;
    /// Of the replicas that serve.
    double share = 1.0;
  };

  double arrival_per_s(double time_s) const;
  /// At one chain.
  double station_arrival_per_s(double time_s) const;
  /// The next moment after now at which rates jump, replicas come or the autoscaler looks.
  double next_event_s() const;
  void pass_event();
  Count up(double time_s) const { return replicas_up(episode_.transient, replicas_, time_s); }
  /// Replicas that serve within one chain.
  double replicas_within(const ReplicaMode& mode, double time_s) const;
  void jump(double time_s);
  Completions completions_at(double time_s) const;
  void set_completions(double time_s);
  void lose_replicas(double time_s);
  void add_station(const Station& station, LoadView& view) const;
  void add_waits(const ReplicaMode& mode, double present, double weight, LatencyLaw& waits) const;
  double wait_for(double departures, double serving, const std::vector<std::pair<double, double>>& to_come) const;
  std::vector<std::pair<double, double>> replicas_to_come(const ReplicaMode& mode, double present) const;

  LoadEpisode episode_;
  ReplicaPace pace_;
  double slots_ = 1.0;
  Count replicas_ = 1;
  double rate_per_s_ = 0.0;
  bool is_pooled_ = true;
  std::vector<ReplicaMode> modes_;
  std::vector<double> present_;
  std::vector<double> jumps_s_;
  std::vector<Station> stations_;
  double time_s_ = 0.0;
  /// Of an autoscaler that is not one of the chain's modes.
  std::optional<ScalingSchedule> schedule_;
};

}  // namespace windtunnel::modeling
