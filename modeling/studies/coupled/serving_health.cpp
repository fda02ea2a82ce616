// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/coupled/serving_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "modeling/spec/quantity.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

constexpr double kYear_s = 365.25 * 86400.0;
/// States of the fleet rarer than this change no share of time that anybody asks for.
constexpr double kRare = 1e-9;

Count replica_nodes(const ServingPool& pool, const Machine& machine) {
  const Parallelism& p = pool.parallelism;
  const Count devices = p.tensor * p.pipeline * p.data;
  return std::max<Count>(1, (devices + machine.profile.devices_per_node - 1) / machine.profile.devices_per_node);
}

/// The nearest whole number to a part of `all`, at least `fewest`.
Count part_of(Count all, double part, Count fewest) {
  return std::max(fewest, static_cast<Count>(std::lround(part * static_cast<double>(all))));
}

/// Domains of `part` of the nodes; their failures all together stay that part.
std::vector<DomainKind> part_of_domains(std::vector<DomainKind> kinds, double part) {
  for (DomainKind& kind : kinds) {
    const auto all = static_cast<double>(kind.count);
    kind.count = std::max<Count>(1, static_cast<Count>(std::ceil(part * all)));
    kind.failure_per_s *= part * all / static_cast<double>(kind.count);
  }
  return kinds;
}

/// [A] Replicas smaller than a node are taken to have one of their own.
ReplicaFleet describe_fleet(const ServingPool& pool, double part, const JobHealth& health, const Machine& machine) {
  double restart_s = 0.0;
  for (const RecoveryRoute& route : health.routes) restart_s += route.share * route.mean_s();
  ReplicaFleet fleet{.replicas = pool.replicas,
                     .nodes_per_replica = replica_nodes(pool, machine),
                     .spares = part_of(health.nodes.spares, part, 0),
                     .spare_failure_ratio = health.nodes.spare_failure_ratio,
                     .node_failure_per_s = health.nodes.failure_per_s,
                     .replica_failure_per_s = job_failure_per_s(health.causes, FailureLevel::kJob),
                     .node_repair_s = health.nodes.repair.mean_s,
                     .repair_crews = health.nodes.repair_crews,
                     .restart_s = restart_s,
                     .domains = part_of_domains(health.nodes.domains, part)};
  if (fleet.repair_crews) fleet.repair_crews = part_of(*fleet.repair_crews, part, 1);
  return fleet;
}

FleetPool describe_pool(const std::string& name, const ServingPool& pool, double part, const JobHealth& health,
                        const Machine& machine) {
  FleetPool described{.name = name, .fleet = describe_fleet(pool, part, health, machine)};
  described.law = solve_fleet(described.fleet);
  return described;
}

std::vector<FleetPool> describe_pools(const Serving& serving, const JobHealth& health, const Machine& machine) {
  if (serving.layout == ServingLayout::kAggregated)
    return {describe_pool("", serving.aggregated, 1.0, health, machine)};
  const auto nodes = [&](const ServingPool& pool) {
    return static_cast<double>(pool.replicas * replica_nodes(pool, machine));
  };
  const double part = nodes(serving.prefill) / (nodes(serving.prefill) + nodes(serving.decode));
  std::vector<FleetPool> pools = {describe_pool("prefill", serving.prefill, part, health, machine),
                                  describe_pool("decode", serving.decode, 1.0 - part, health, machine)};
  // Rounding may not lose a spare.
  const Count left = health.nodes.spares - pools[0].fleet.spares - pools[1].fleet.spares;
  if (left == 0) return pools;
  pools[1].fleet.spares += left;
  pools[1].law = solve_fleet(pools[1].fleet);
  return pools;
}

FleetPoint point_of(const PlacedServing& placed, const ServingAnswer& answer, FleetPoint point) {
  // A load that cannot be carried meets no limit.
  if (!answer.failure.empty() || answer.classes.empty()) return point;
  point.slo_met_ratio = answer.classes.front().met_ratio;
  point.requests_per_s = answer.requests_per_s;
  point.is_enough = worst_limit_ratio(answer, placed.slo) <= 1.0;
  return point;
}

FleetPoint point_with(const PlacedServing& placed, const std::vector<Count>& replicas) {
  FleetPoint point{.replicas = replicas};
  if (std::find(replicas.begin(), replicas.end(), 0) != replicas.end()) return point;
  PlacedServing smaller = placed;
  smaller.system.pool.replicas = replicas.back();
  if (smaller.system.prefill) smaller.system.prefill->replicas = replicas.front();
  try {
    return point_of(smaller, answer_serving(smaller, std::nullopt), point);
  } catch (const NoAnswerError&) {
    return point;
  }
}

std::vector<Count> all_replicas(const std::vector<FleetPool>& pools) {
  std::vector<Count> replicas;
  for (const FleetPool& pool : pools) replicas.push_back(pool.fleet.replicas);
  return replicas;
}

/// Every combination of counts, from all replicas down to those that are as good as never fewer.
void add_points(const PlacedServing& placed, const std::vector<FleetPool>& pools, std::vector<Count> replicas,
                double probability, std::vector<FleetPoint>& points) {
  if (replicas.size() == pools.size()) {
    points.push_back(point_with(placed, replicas));
    points.back().probability = probability;
    return;
  }
  const FleetPool& pool = pools[replicas.size()];
  replicas.push_back(0);
  double left = probability;
  for (Count serving = pool.fleet.replicas; serving >= 0 && left > kRare; --serving) {
    const double here = pool.law.probability(static_cast<solvers::Index>(serving));
    replicas.back() = serving;
    add_points(placed, pools, replicas, probability * here, points);
    left -= probability * here;
  }
}

/// Fewer replicas never do better, so halving finds the fewest that are enough.
std::optional<Count> fewest_enough(const PlacedServing& placed, const std::vector<FleetPool>& pools, std::size_t which,
                                   const std::vector<FleetPoint>& points) {
  if (!points.front().is_enough) return std::nullopt;
  std::vector<Count> replicas = all_replicas(pools);
  Count high = replicas[which];
  Count low = 0;
  for (const FleetPoint& point : points) {
    replicas[which] = point.replicas[which];
    if (point.replicas != replicas) continue;
    if (point.is_enough)
      high = std::min(high, point.replicas[which]);
    else
      low = std::max(low, point.replicas[which]);
  }
  while (high - low > 1) {
    replicas[which] = low + (high - low) / 2;
    (point_with(placed, replicas).is_enough ? high : low) = replicas[which];
  }
  return high;
}

/// Share of the time with as many replicas of one pool as are needed, if it had so many.
double share_enough(const FleetPool& pool, Count replicas) {
  ReplicaFleet fleet = pool.fleet;
  fleet.replicas = replicas;
  return solve_fleet(fleet).at_least(*pool.needed);
}

std::optional<Count> replicas_for(const FleetPool& pool, double target) {
  const Count needed = *pool.needed;
  const Count most = std::max<Count>(4 * pool.fleet.replicas, needed + 8);
  Count low = needed - 1;
  Count high = needed;
  for (Count step = 1; share_enough(pool, high) < target; step *= 2) {
    low = high;
    if (high >= most) return std::nullopt;
    high = std::min(most, high + step);
  }
  while (high - low > 1) {
    const Count middle = low + (high - low) / 2;
    (share_enough(pool, middle) >= target ? high : low) = middle;
  }
  return high;
}

/// Each pool with its part of what may be missing, then back from any pool that has more than it needs.
void size_for_target(double target, std::vector<FleetPool>& pools) {
  double reached = 1.0;
  for (FleetPool& pool : pools) {
    pool.for_target = replicas_for(pool, std::pow(target, 1.0 / static_cast<double>(pools.size())));
    if (!pool.for_target) return;
    reached *= share_enough(pool, *pool.for_target);
  }
  for (FleetPool& pool : pools) {
    const double one_less = share_enough(pool, *pool.for_target - 1);
    const double without = reached / share_enough(pool, *pool.for_target) * one_less;
    if (*pool.for_target <= *pool.needed || without < target) continue;
    --*pool.for_target;
    reached = without;
  }
}

ChainRecord fleet_record(const FleetPool& pool) {
  const FleetLaw& law = pool.law;
  ChainRecord record{.name = "health.fleet" + (pool.name.empty() ? "" : "." + pool.name),
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
  for (const FleetPoint& point : health.points) sum += point.*value * point.probability;
  return sum;
}

/// "24", or "3 prefill + 9 decode".
std::string point_name(const ServingHealth& health, const FleetPoint& point) {
  std::string name;
  for (std::size_t k = 0; k < health.pools.size(); ++k)
    name += fmt::format("{}{}{}{}", k > 0 ? " + " : "", point.replicas[k], health.pools[k].name.empty() ? "" : " ",
                        health.pools[k].name);
  return name;
}

/// The combinations that matter; of two pools there are many.
Breakdown points_breakdown(const ServingHealth& health) {
  constexpr double kSeen = 1e-6;
  Breakdown breakdown{.name = "replicas_serving"};
  for (const FleetPoint& point : health.points) {
    if (health.pools.size() > 1 && point.probability < kSeen) continue;
    const std::string name = point_name(health, point);
    breakdown.entries.push_back({name + ".probability", point.probability});
    breakdown.entries.push_back({name + ".slo_met_ratio", point.slo_met_ratio});
    breakdown.entries.push_back({name + ".requests_per_s", point.requests_per_s});
  }
  return breakdown;
}

std::string join(const ServingHealth& health, const std::function<std::string(const FleetPool&)>& words) {
  std::string text;
  for (const FleetPool& pool : health.pools) text += (text.empty() ? "" : " and ") + words(pool);
  return text;
}

std::string describe(const ServingHealth& health) {
  const double failures = health.failures_per_s();
  std::string text = failures > 0.0
                         ? fmt::format("a replica fails every {}", format_quantity(1.0 / failures, Dimension::kTime))
                         : std::string("no replica fails");
  if (!health.availability_ratio) return text + "; even all replicas do not hold the limits";
  const auto kind = [](const FleetPool& pool) { return (pool.name.empty() ? "" : pool.name + " ") + "replicas"; };
  text += "; " + join(health, [&](const FleetPool& pool) {
            return fmt::format("{} of {} {}", *pool.needed, pool.fleet.replicas, kind(pool));
          });
  text += fmt::format(" are enough, and {:.5f} % of the time as many serve", 100.0 * *health.availability_ratio);
  const bool known = std::all_of(health.pools.begin(), health.pools.end(),
                                 [](const FleetPool& pool) { return pool.for_target.has_value(); });
  if (!known)
    return text +
           fmt::format("; no number of replicas up to four times as many holds {:.4g} %", 100.0 * health.target_ratio);
  return text +
         fmt::format("; {:.4g} % needs {}", 100.0 * health.target_ratio, join(health, [&](const FleetPool& pool) {
                       return fmt::format("{} {}", *pool.for_target, kind(pool));
                     }));
}

}  // namespace

double ServingHealth::failures_per_s() const {
  double rate = 0.0;
  for (const FleetPool& pool : pools) rate += pool.law.failures_per_s;
  return rate;
}

ServingHealth solve_serving_health(const Spec& spec, const PlacedServing& placed, const ServingAnswer& answer,
                                   const Machine& machine, std::vector<std::string>& warnings) {
  ServingHealth result;
  result.health = describe_job_health(spec, machine, {.horizon_s = kYear_s}, warnings);
  result.pools = describe_pools(*spec.serving, result.health, machine);
  add_points(placed, result.pools, {}, 1.0, result.points);
  // As it was answered: that may have been by simulation.
  result.points.front() = point_of(placed, answer, result.points.front());
  result.target_ratio = spec.reliability->availability_target;
  for (std::size_t k = 0; k < result.pools.size(); ++k)
    result.pools[k].needed = fewest_enough(placed, result.pools, k, result.points);
  if (!result.points.front().is_enough) return result;
  size_for_target(result.target_ratio, result.pools);
  // What is missing to 1 keeps its digits.
  double missing = 0.0;
  double seen = 0.0;
  for (const FleetPoint& point : result.points) {
    seen += point.probability;
    missing += point.is_enough ? 0.0 : point.probability;
  }
  result.availability_ratio = 1.0 - missing - std::max(0.0, 1.0 - seen);
  if (result.pools.size() == 1)
    result.availability_ratio = result.pools.front().law.at_least(*result.pools.front().needed);
  return result;
}

void write_serving_health(const ServingHealth& health, Report& report) {
  const auto add = [&](const std::string& name, std::optional<double> value) {
    report.measures.push_back({name, value});
  };
  const auto add_count = [&](const std::string& name, std::optional<Count> FleetPool::*count) {
    for (const FleetPool& pool : health.pools)
      add((pool.name.empty() ? "" : pool.name + "_") + name,
          pool.*count ? std::optional(static_cast<double>(*(pool.*count))) : std::nullopt);
  };
  double serving = 0.0;
  for (const FleetPool& pool : health.pools) serving += pool.law.mean();
  add("failures_expected", health.failures_per_s() * health.health.horizon_s);
  add("replica_mttf_s", 1.0 / (health.failures_per_s() / std::max(1e-300, serving)));
  add("replicas_serving_mean", serving);
  add_count("replicas_needed", &FleetPool::needed);
  add("availability_ratio", health.availability_ratio);
  // Shares near 1 say little; the time without enough replicas does.
  add("outage_per_year_s",
      health.availability_ratio ? std::optional((1.0 - *health.availability_ratio) * kYear_s) : std::nullopt);
  add("slo_met_with_failures_ratio", expected(health, &FleetPoint::slo_met_ratio));
  add("requests_per_s_with_failures", expected(health, &FleetPoint::requests_per_s));
  add("availability_target_ratio", health.target_ratio);
  add_count("replicas_for_target", &FleetPool::for_target);
  report.breakdowns.push_back(points_breakdown(health));
  for (const FleetPool& pool : health.pools) report.chains.push_back(fleet_record(pool));
  report.finding += (report.finding.empty() ? "" : "; ") + describe(health);
}

}  // namespace windtunnel::modeling
