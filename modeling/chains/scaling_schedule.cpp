// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/scaling_schedule.h"

#include <algorithm>

#include "solvers/normal_distribution.h"

namespace windtunnel::modeling {

ScalingSchedule::ScalingSchedule(const Autoscaling& scaling, Count most_replicas, double start_s, double request_s)
    : scaling_(scaling),
      most_replicas_(most_replicas),
      serving_(scaling.min_replicas),
      next_look_s_(start_s + 0.5 * scaling.interval_s) {
  // Mean of the largest of so many normal values: Blom, Statistical Estimates and Transformed Beta-Variables, 1958.
  const double looks = std::max(1.0, scaling.stop_delay_s / std::max(scaling.interval_s, request_s));
  deviations_ = solvers::normal_quantile((looks - 0.375) / (looks + 0.25));
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

std::vector<std::pair<double, double>> ScalingSchedule::to_come(double now_s, double present) const {
  std::vector<std::pair<double, double>> more;
  auto serving = static_cast<double>(serving_);
  for (const double ready_s : ready_s_) more.emplace_back(ready_s - now_s, serving += 1.0);
  const Count wanted = wanted_replicas(scaling_, present, most_replicas_);
  if (wanted > running())
    more.emplace_back(next_look_s_ - now_s + scaling_.start_time.mean_s, static_cast<double>(wanted));
  return more;
}

}  // namespace windtunnel::modeling
