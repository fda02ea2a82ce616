// SPDX-License-Identifier: Apache-2.0
// An autoscaler whose decisions follow the mean of what is present: replicas that serve as a function of time, with
// looks, start times and stop delays as they are.
//
// [A] The number of replicas is not random. A look sees the mean and as much more as the highest of the looks within
// one stop delay does in half of the cases, looks one request's time apart taken as independent and normal.
#pragma once

#include <deque>
#include <utility>

#include "modeling/chains/serving_over_time/episode.h"

namespace windtunnel::modeling {

class ScalingSchedule {
 public:
  /// At `start_s` only the least replicas serve. request_s: seconds that a request stays.
  ScalingSchedule(const Autoscaling& scaling, Count most_replicas, double start_s, double request_s);

  Count serving() const { return serving_; }
  /// When it looks next, or when replicas are ready.
  double next_event_s() const;
  /// What happens at that time, with so many requests present.
  void pass_event(double mean_present, double std_present);

 private:
  void look(double time_s, Count wanted);
  Count running() const { return serving_ + static_cast<Count>(ready_s_.size()); }

  Autoscaling scaling_;
  Count most_replicas_ = 1;
  Count serving_ = 1;
  double next_look_s_ = 0.0;
  double deviations_ = 0.0;
  /// Increasing.
  std::deque<double> ready_s_;
  std::deque<std::pair<double, Count>> wanted_;
};

}  // namespace windtunnel::modeling
