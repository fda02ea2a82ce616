// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_over_time/autoscaler.h"

#include <algorithm>
#include <cmath>

#include "solvers/numerics/normal_distribution.h"

namespace windtunnel::modeling {

ScalingSchedule::ScalingSchedule(const Autoscaling& scaling, Count most_replicas, double start_s, double request_s)
    : scaling_(scaling),
      most_replicas_(most_replicas),
      serving_(scaling.min_replicas),
      next_look_s_(start_s + 0.5 * scaling.interval_s) {
  // P(the highest of so many normal values is below z) = Phi(z)^looks.
  const double looks = std::max(1.0, scaling.stop_delay_s / std::max(scaling.interval_s, request_s));
  deviations_ = solvers::normal_quantile(std::pow(0.5, 1.0 / looks));
}

double ScalingSchedule::next_event_s() const {
  return ready_s_.empty() ? next_look_s_ : std::min(next_look_s_, ready_s_.front());
}

void ScalingSchedule::pass_event(double mean_present, double std_present) {
  const double now_s = next_event_s();
  for (; !ready_s_.empty() && ready_s_.front() <= now_s; ready_s_.pop_front()) ++serving_;
  if (now_s == next_look_s_)
    look(now_s, wanted_replicas(scaling_, mean_present + deviations_ * std_present, most_replicas_));
}

void ScalingSchedule::look(double time_s, Count wanted) {
  while (!wanted_.empty() && wanted_.front().first < time_s - scaling_.stop_delay_s) wanted_.pop_front();
  wanted_.emplace_back(time_s, wanted);
  Count most = wanted;
  for (const auto& [at_s, replicas] : wanted_) most = std::max(most, replicas);
  for (; running() < wanted; ready_s_.push_back(time_s + scaling_.start_time.mean_s)) {
  }
  // Those that start are given up first.
  for (; running() > most && !ready_s_.empty(); ready_s_.pop_back()) {
  }
  serving_ = std::min(serving_, most);
  next_look_s_ += scaling_.interval_s;
}

}  // namespace windtunnel::modeling
