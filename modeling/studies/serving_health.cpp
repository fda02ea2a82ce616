// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/serving_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/spec/quantity.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

constexpr double kYear_s = 365.25 * 86400.0;
/// States of the fleet rarer than this change no share of time that anybody asks for.
constexpr double kRare = 1e-9;

Count replica_nodes(const Spec& spec, const Machine& machine) {
  const Parallelism& p = spec.serving->aggregated.parallelism;
  const Count devices = p.tensor * p.pipeline * p.data;
  return std::max<Count>(1, (devices + machine.profile.devices_per_node - 1) / machine.profile.devices_per_node);
}

/// [A] Replicas smaller than a node are taken to have one of their own.
ReplicaFleet describe_fleet(const Spec& spec, const JobHealth& health, Count nodes_per_replica) {
  const double software = job_failure_per_s(health.causes, FailureLevel::kJob);
  double restart_s = 0.0;
  for (const RecoveryRoute& route : health.routes) restart_s += route.share * route.mean_s();
  return {.replicas = spec.serving->aggregated.replicas,
          .nodes_per_replica = nodes_per_replica,
          .spares = health.nodes.spares,
          .spare_failure_ratio = health.nodes.spare_failure_ratio,
          .node_failure_per_s = health.nodes.failure_per_s,
          .replica_failure_per_s = software,
          .node_repair_s = health.nodes.repair.mean_s,
          .repair_crews = health.nodes.repair_crews,
          .restart_s = restart_s,
          .domains = health.nodes.domains};
}

FleetPoint point_of(const PlacedServing& placed, const ServingAnswer& answer) {
  // A load that cannot be carried meets no limit.
  if (!answer.failure.empty() || answer.classes.empty()) return {.replicas = placed.system.pool.replicas};
  return {.replicas = placed.system.pool.replicas,
          .slo_met_ratio = answer.classes.front().met_ratio,
          .requests_per_s = answer.requests_per_s,
          .is_enough = worst_limit_ratio(answer, placed.slo) <= 1.0};
}

FleetPoint point_with(const PlacedServing& placed, Count replicas) {
  if (replicas == 0) return {};
  PlacedServing smaller = placed;
  smaller.system.pool.replicas = replicas;
  try {
    return point_of(smaller, answer_serving(smaller, std::nullopt));
  } catch (const NoAnswerError&) {
    return {.replicas = replicas};
  }
}

/// From all replicas down to counts that are as good as never fewer.
std::vector<FleetPoint> fleet_points(const PlacedServing& placed, const ServingAnswer& full, const FleetLaw& law) {
  const Count all = placed.system.pool.replicas;
  std::vector<FleetPoint> points = {point_of(placed, full)};
  double left = 1.0 - law.probability(static_cast<solvers::Index>(all));
  for (Count replicas = all - 1; replicas >= 0 && left > kRare; --replicas) {
    points.push_back(point_with(placed, replicas));
    left -= law.probability(static_cast<solvers::Index>(replicas));
  }
  return points;
}

/// Fewer replicas never do better, so halving finds the fewest that are enough.
std::optional<Count> fewest_enough(const PlacedServing& placed, const std::vector<FleetPoint>& points) {
  if (!points.front().is_enough) return std::nullopt;
  Count high = points.front().replicas;
  Count low = 0;
  for (const FleetPoint& point : points) {
    if (point.is_enough)
      high = std::min(high, point.replicas);
    else
      low = std::max(low, point.replicas);
  }
  while (high - low > 1) {
    const Count middle = low + (high - low) / 2;
    (point_with(placed, middle).is_enough ? high : low) = middle;
  }
  return high;
}

std::optional<Count> replicas_for(const ServingHealth& health, double target) {
  const Count needed = *health.needed;
  const auto enough = [&](Count replicas) {
    ReplicaFleet fleet = health.fleet;
    fleet.replicas = replicas;
    return solve_fleet(fleet).at_least(needed) >= target;
  };
  const Count most = std::max<Count>(4 * health.fleet.replicas, needed + 8);
  Count low = needed - 1;
  Count high = needed;
  for (Count step = 1; !enough(high); step *= 2) {
    low = high;
    if (high >= most) return std::nullopt;
    high = std::min(most, high + step);
  }
  while (high - low > 1) {
    const Count middle = low + (high - low) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

ChainRecord fleet_record(const ServingHealth& health) {
  const FleetLaw& law = health.law;
  ChainRecord record{.name = "health.fleet",
                     .purpose = "replicas that serve: nodes in repair, domains down, replicas restarting",
                     .states = law.states,
                     .transitions = law.transitions,
                     .method_requested = to_string(law.solution.method_requested),
                     .method_used = to_string(law.solution.method_used),
                     .iterations = law.solution.iterations,
                     .residual = law.solution.residual_ratio(),
                     .error_bound = law.solution.error_bound,
                     .lost_probability = law.lost_probability};
  constexpr solvers::Index kReadable = 16;
  for (solvers::Index r = law.probability.size() - 1; r >= 0 && record.state_probabilities.size() < kReadable; --r)
    record.state_probabilities.push_back({fmt::format("{} serving", r), law.probability(r)});
  return record;
}

double expected(const ServingHealth& health, double FleetPoint::*value) {
  double sum = 0.0;
  for (const FleetPoint& point : health.points)
    sum += point.*value * health.law.probability(static_cast<solvers::Index>(point.replicas));
  return sum;
}

Breakdown points_breakdown(const ServingHealth& health) {
  Breakdown breakdown{.name = "replicas_serving"};
  for (const FleetPoint& point : health.points) {
    const std::string name = fmt::format("{}", point.replicas);
    breakdown.entries.push_back(
        {name + ".probability", health.law.probability(static_cast<solvers::Index>(point.replicas))});
    breakdown.entries.push_back({name + ".slo_met_ratio", point.slo_met_ratio});
    breakdown.entries.push_back({name + ".requests_per_s", point.requests_per_s});
  }
  return breakdown;
}

std::string describe(const ServingHealth& health) {
  const double failures = health.law.failures_per_s;
  std::string text = failures > 0.0
                         ? fmt::format("a replica fails every {}", format_quantity(1.0 / failures, Dimension::kTime))
                         : std::string("no replica fails");
  if (!health.needed) return text + "; even all replicas do not hold the limits";
  const double available = health.law.at_least(*health.needed);
  text += fmt::format("; {} of {} replicas are enough, and {:.5f} % of the time as many serve", *health.needed,
                      health.fleet.replicas, 100.0 * available);
  if (!health.replicas_for_target)
    return text +
           fmt::format("; no number of replicas up to four times as many holds {:.4g} %", 100.0 * health.target_ratio);
  return text + fmt::format("; {:.4g} % needs {} replicas", 100.0 * health.target_ratio, *health.replicas_for_target);
}

}  // namespace

ServingHealth solve_serving_health(const Spec& spec, const PlacedServing& placed, const ServingAnswer& answer,
                                   const Machine& machine, std::vector<std::string>& warnings) {
  if (spec.serving->layout == ServingLayout::kDisaggregated)
    throw NoAnswerError("'reliability' is modelled for aggregated serving; a disaggregated fleet is not yet");
  ServingHealth result;
  result.health = describe_job_health(spec, machine, {.horizon_s = kYear_s}, warnings);
  result.fleet = describe_fleet(spec, result.health, replica_nodes(spec, machine));
  result.law = solve_fleet(result.fleet);
  result.points = fleet_points(placed, answer, result.law);
  result.needed = fewest_enough(placed, result.points);
  result.target_ratio = spec.reliability->availability_target;
  if (result.needed) result.replicas_for_target = replicas_for(result, result.target_ratio);
  return result;
}

void write_serving_health(const ServingHealth& health, Report& report) {
  const auto add = [&](const std::string& name, std::optional<double> value) {
    report.measures.push_back({name, value});
  };
  const auto count = [](const std::optional<Count>& replicas) {
    return replicas ? std::optional(static_cast<double>(*replicas)) : std::nullopt;
  };
  add("failures_expected", health.law.failures_per_s * health.health.horizon_s);
  add("replica_mttf_s", 1.0 / (health.law.failures_per_s / std::max(1e-300, health.law.mean())));
  add("replicas_serving_mean", health.law.mean());
  add("replicas_needed", count(health.needed));
  add("availability_ratio", health.needed ? std::optional(health.law.at_least(*health.needed)) : std::nullopt);
  add("slo_met_with_failures_ratio", expected(health, &FleetPoint::slo_met_ratio));
  add("requests_per_s_with_failures", expected(health, &FleetPoint::requests_per_s));
  add("availability_target_ratio", health.target_ratio);
  add("replicas_for_target", count(health.replicas_for_target));
  report.breakdowns.push_back(points_breakdown(health));
  report.chains.push_back(fleet_record(health));
  report.finding += (report.finding.empty() ? "" : "; ") + describe(health);
}

}  // namespace windtunnel::modeling
