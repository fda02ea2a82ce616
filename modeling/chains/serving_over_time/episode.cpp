// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_over_time/episode.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

double curve_factor(const LoadCurve& curve, double time_s) {
  const double within = time_s - curve.period_s * std::floor(time_s / curve.period_s);
  const auto after = std::find_if(curve.points.begin(), curve.points.end(),
                                  [&](const LoadCurve::Point& point) { return point.at_s > within; });
  const bool is_last = after == curve.points.end(), is_first = after == curve.points.begin();
  const LoadCurve::Point& next = is_last ? curve.points.front() : *after;
  const LoadCurve::Point& last = is_first ? curve.points.back() : *(after - 1);
  const double next_s = next.at_s + (is_last ? curve.period_s : 0.0);
  const double last_s = last.at_s - (is_first ? curve.period_s : 0.0);
  return last.factor + (next.factor - last.factor) * (within - last_s) / (next_s - last_s);
}

bool is_within(double time_s, double at_s, double duration_s) {
  return time_s >= at_s && time_s < at_s + duration_s;
}

}  // namespace

double arrival_factor(const Transient& transient, double time_s) {
  double factor = transient.load_curve ? curve_factor(*transient.load_curve, time_s) : 1.0;
  const std::optional<Burst>& burst = transient.burst;
  if (burst && time_s >= 0.0 && is_within(time_s, burst->at_s, burst->duration_s)) factor *= burst->factor;
  return factor;
}

double largest_factor(const Transient& transient) {
  double largest = transient.load_curve ? 0.0 : 1.0;
  if (transient.load_curve)
    for (const LoadCurve::Point& point : transient.load_curve->points) largest = std::max(largest, point.factor);
  return transient.burst ? largest * std::max(1.0, transient.burst->factor) : largest;
}

Count replicas_up(const Transient& transient, Count replicas, double time_s) {
  const std::optional<ReplicaFailure>& failure = transient.replica_failure;
  if (failure && time_s >= 0.0 && is_within(time_s, failure->at_s, failure->duration_s))
    return replicas - failure->replicas;
  return replicas;
}

double settling_time_s(const LoadEpisode& episode, double request_s) {
  const double scaling_s = episode.scaling ? episode.scaling->start_time.mean_s + episode.scaling->stop_delay_s : 0.0;
  return 30.0 * request_s + 10.0 * scaling_s;
}

std::vector<double> jump_times_s(const Transient& transient) {
  std::vector<double> times;
  const auto add = [&](double at_s, double duration_s) {
    times.push_back(at_s);
    times.push_back(at_s + duration_s);
  };
  if (transient.burst) add(transient.burst->at_s, transient.burst->duration_s);
  if (transient.replica_failure) add(transient.replica_failure->at_s, transient.replica_failure->duration_s);
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  std::erase_if(times, [&](double time_s) { return time_s <= 0.0 || time_s >= transient.horizon_s; });
  return times;
}

Count wanted_replicas(const Autoscaling& scaling, double present, Count most_replicas) {
  const double wanted = std::ceil(present / scaling.requests_per_replica - 1e-9);
  return std::clamp<Count>(static_cast<Count>(std::min(wanted, 1e9)), scaling.min_replicas, most_replicas);
}

}  // namespace windtunnel::modeling
