// SPDX-License-Identifier: Apache-2.0
// The requests present at all replicas while load and replicas change.
//
// With the shortest queue the replicas share what is present evenly: one station. Replicas that come up are a second
// one, empty; all requests come to the station that holds the fewest per replica, until both hold as many and become
// one [A: which is the fewest is told by the means]. At random each replica is a station of its own; one that comes
// back starts empty.
//
// An autoscaler's replicas follow the mean (chains/scaling_schedule.h).
#pragma once

#include <optional>
#include <vector>

#include "modeling/chains/serving_over_time/autoscaler.h"
#include "modeling/chains/serving_over_time/shared_station.h"

namespace windtunnel::modeling {

class LoadPath {
 public:
  /// At time 0, after some time at the load that the curve had before. `pace` must live as long.
  LoadPath(const ServingSystem& system, const LoadEpisode& episode, const ReplicaPace& pace);

  /// Times do not decrease.
  void advance_to(double time_s);
  LoadView view() const;
  ChainRecord record() const;

 private:
  /// So many stations that are alike.
  struct Group {
    LoadStation station;
    double copies = 1.0;
  };

  LoadStation first_station(const ServingSystem& system);
  double arrival_per_s(double time_s) const;
  double serving() const;
  /// The next moment after now at which rates jump, replicas come or the autoscaler looks.
  double next_event_s() const;
  void advance_stations(double time_s);
  std::size_t fewest_per_replica() const;
  void pass_event();
  void follow_schedule();
  void lose_replicas(const ReplicaFailure& failure);
  void bring_back(const ReplicaFailure& failure);
  void add_replicas(double replicas);
  void join_all();

  LoadEpisode episode_;
  const ReplicaPace* pace_;
  Count replicas_ = 1;
  double rate_per_s_ = 0.0;
  bool is_balanced_ = true;
  std::vector<double> jumps_s_;
  double time_s_ = 0.0;
  std::optional<ScalingSchedule> schedule_;
  std::vector<Group> groups_;
};

}  // namespace windtunnel::modeling
