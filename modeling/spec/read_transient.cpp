// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "modeling/spec/quantity.h"
#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

LoadCurve read_load_curve(YamlReader block) {
  LoadCurve curve;
  curve.period_s = block.require("period").positive_quantity(Dimension::kTime);
  const YamlValue points = block.require("points");
  for (const YamlValue& value : points.list()) {
    YamlReader point = value.map();
    const YamlValue at = point.require("at");
    curve.points.push_back({at.quantity(Dimension::kTime), point.require("factor").number(0.0, kLargestFactor)});
    point.finish();
    const double at_s = curve.points.back().at_s;
    if (at_s >= curve.period_s && !(at_s == 0.0))
      at.fail(fmt::format("found a point at {}, expected one before the end of the period of {}",
                          format_quantity(at_s, Dimension::kTime), format_quantity(curve.period_s, Dimension::kTime)));
    if (curve.points.size() > 1 && at_s <= curve.points[curve.points.size() - 2].at_s)
      at.fail("found a point that is not later than the one before it");
  }
  if (curve.points.empty()) points.fail("found an empty list, expected at least one point");
  if (std::all_of(curve.points.begin(), curve.points.end(), [](const auto& point) { return point.factor == 0.0; }))
    points.fail("found no factor above 0");
  block.finish();
  return curve;
}

Burst read_burst(YamlReader block) {
  Burst burst{.at_s = block.quantity("at", Dimension::kTime, 0.0),
              .duration_s = block.require("duration").positive_quantity(Dimension::kTime),
              .factor = block.require("factor").number(0.0, kLargestFactor)};
  block.finish();
  return burst;
}

ReplicaFailure read_failure(YamlReader block, Count replicas) {
  ReplicaFailure failure{.at_s = block.quantity("at", Dimension::kTime, 0.0),
                         .duration_s = block.require("duration").positive_quantity(Dimension::kTime),
                         .replicas = block.count("replicas", 1, replicas, 1)};
  block.finish();
  return failure;
}

void check_ends(const YamlReader& block, std::string_view key, double end_s, double horizon_s) {
  if (end_s <= horizon_s) return;
  throw SpecError(block.location_of(key),
                  fmt::format("'{}' ends at {}, expected an end within the horizon of {}", key,
                              format_quantity(end_s, Dimension::kTime), format_quantity(horizon_s, Dimension::kTime)));
}

}  // namespace

Autoscaling read_autoscaling(YamlReader block, Count most_replicas) {
  Autoscaling scaling;
  scaling.min_replicas = block.count("min_replicas", 1, most_replicas, 1);
  const YamlValue target = block.require("requests_per_replica");
  scaling.requests_per_replica = target.number(0.0, kLargestFactor);
  if (scaling.requests_per_replica <= 0.0) target.fail("found 0, expected more than 0 requests per replica");
  if (const auto interval = block.find("interval")) scaling.interval_s = interval->positive_quantity(Dimension::kTime);
  const YamlValue start = block.require("start_time");
  scaling.start_time = read_duration(start);
  if (scaling.start_time.mean_s <= 0.0) start.fail("found 0 s, expected more than 0 s");
  if (const auto delay = block.find("stop_delay")) scaling.stop_delay_s = delay->positive_quantity(Dimension::kTime);
  block.finish();
  return scaling;
}

Transient read_transient(YamlReader block, const Serving& serving, const Traffic& traffic) {
  if (serving.layout != ServingLayout::kAggregated)
    throw SpecError(block.location(), "found 'transient' beside a disaggregated layout, expected an aggregated one");
  if (!traffic.arrival_rate_per_s || traffic.requests)
    throw SpecError(block.location(), "'transient' needs traffic with an arrival_rate and without requests");
  if (traffic.arrival_scv != 1.0)
    throw SpecError(block.location(), fmt::format("found 'transient' beside an arrival_scv of {}, expected 1: Poisson "
                                                  "arrivals whose rate changes",
                                                  traffic.arrival_scv));
  Transient transient;
  if (const auto curve = block.find("load_curve")) transient.load_curve = read_load_curve(curve->map());
  if (transient.load_curve) transient.horizon_s = transient.load_curve->period_s;
  const auto horizon = transient.load_curve ? block.find("horizon") : std::optional(block.require("horizon"));
  if (horizon) transient.horizon_s = horizon->positive_quantity(Dimension::kTime);
  if (const auto burst = block.find("burst")) transient.burst = read_burst(burst->map());
  if (transient.burst)
    check_ends(block, "burst", transient.burst->at_s + transient.burst->duration_s, transient.horizon_s);
  if (const auto failure = block.find("replica_failure")) {
    if (serving.autoscaling) failure->fail("found 'replica_failure' beside serving.autoscaling, expected one of them");
    transient.replica_failure = read_failure(failure->map(), serving.aggregated.replicas);
    check_ends(block, "replica_failure", transient.replica_failure->at_s + transient.replica_failure->duration_s,
               transient.horizon_s);
  }
  block.finish();
  return transient;
}

}  // namespace windtunnel::modeling
