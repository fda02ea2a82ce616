// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/health/job_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

// Where the spec and the profile are silent. Warm: half way between hot and cold. Repair: automated repairs take hours,
// hardware days. Restart: whole failover of a 10,000-device job without special systems. Blocking: between asynchronous
// (0.5 s) and synchronous (50 s and more) checkpoints of large jobs. Bandwidth: the storage of Llama 3's 2,048 nodes
// sustained 2 TB/s (arXiv:2407.21783, section 3.3.1).
constexpr double kWarmFailureRatio = 0.5;
constexpr double kRepair_s = 86400.0;
constexpr double kRestart_s = 600.0;
constexpr double kBlocking_s = 10.0;
constexpr double kStorageBytesPerNodeSecond = 1e9;
/// Parts of the horizon in which the rates of ageing nodes are constant.
constexpr int kRateParts = 12;
/// The chain's repairs have at most three phases in a row.
constexpr double kSteadiestRepairScv = 1.0 / 3.0;

double spare_failure_ratio(SpareKind kind) {
  if (kind == SpareKind::kHot) return 1.0;
  return kind == SpareKind::kWarm ? kWarmFailureRatio : 0.0;
}

/// A default with a line in the list of assumptions.
double assumed(const std::string& name, double value, const std::string& unit, JobHealth& health) {
  health.defaults.push_back({name, value, unit, "assumed", "default of the availability study"});
  return value;
}

Duration node_repair(const Reliability& reliability, JobHealth& health) {
  if (reliability.repair_time) return *reliability.repair_time;
  const Duration mixed = mixed_node_repair(health.causes);
  if (mixed.mean_s > 0.0) return mixed;
  return {.mean_s = assumed("repair_time", kRepair_s, "s", health), .scv = 1.0};
}

/// Stated, or the time in which the profile's software is back after a crash.
Duration job_restart(const Reliability& reliability, const HardwareProfile& profile, JobHealth& health) {
  if (reliability.restart_time) return *reliability.restart_time;
  for (const Component& component : profile.components) {
    if (component.level != "job") continue;
    for (const ComponentTransition& back : component.transitions) {
      if (back.to != component.states.front().name) continue;
      health.defaults.push_back({"restart_time", 1.0 / back.rate_per_s.value, "s", to_string(back.rate_per_s.evidence),
                                 back.rate_per_s.source});
      return {.mean_s = 1.0 / back.rate_per_s.value};
    }
  }
  return {.mean_s = assumed("restart_time", kRestart_s, "s", health)};
}

/// The chain counts whole domains; their rate carries the part that is missing to the last one.
std::vector<DomainKind> domain_kinds(const std::vector<FailureCause>& causes) {
  std::vector<DomainKind> kinds;
  for (const FailureCause& cause : causes) {
    if (cause.level != FailureLevel::kDomain || cause.job_rate_per_s() == 0.0 || cause.repair.mean_s == 0.0) continue;
    const double whole = std::ceil(cause.components);
    kinds.push_back({.name = cause.name,
                     .nodes = cause.nodes,
                     .count = static_cast<Count>(whole),
                     .failure_per_s = cause.job_rate_per_s() / whole,
                     .repair_per_s = 1.0 / cause.repair.mean_s});
  }
  if (kinds.size() > static_cast<std::size_t>(kMostDomainKinds))
    throw NoAnswerError(
        fmt::format("{} kinds of failure domains, at most {} are modelled together", kinds.size(), kMostDomainKinds));
  return kinds;
}

NodeHealth node_health(const Spec& spec, const HardwareProfile& profile, JobHealth& health) {
  const Reliability& reliability = *spec.reliability;
  const Count nodes = job_nodes(spec.cluster, profile);
  if (reliability.spare_kind == SpareKind::kWarm && reliability.spare_nodes > 0)
    assumed("spares.warm_failure_ratio", kWarmFailureRatio, "ratio", health);
  return {.nodes = nodes,
          .spares = reliability.spare_nodes,
          .spare_failure_ratio = spare_failure_ratio(reliability.spare_kind),
          .failure_per_s = job_failure_per_s(health.causes, FailureLevel::kNode) / static_cast<double>(nodes),
          .rate_course = node_rate_course(spec, profile, health.horizon_s, kRateParts),
          .bad = reliability.bad_nodes ? FailingNodes{reliability.bad_nodes->share, reliability.bad_nodes->factor}
                                       : FailingNodes{},
          .repair = node_repair(reliability, health),
          .repair_crews = reliability.repair_crews,
          .domains = domain_kinds(health.causes)};
}

/// Of one route, from the block's own stages.
RecoveryRoute plain_route(const Reliability& reliability, const Duration& restart) {
  RecoveryRoute route{.name = "restart"};
  route.stages = {reliability.recovery.detect_time.value_or(Duration{}),
                  reliability.recovery.localize_time.value_or(Duration{}), restart};
  return route;
}

RecoveryRoute stated_route(const RecoveryClass& stated, const RecoveryRoute& plain) {
  RecoveryRoute route{.name = stated.name, .share = 0.0};
  route.stages = {stated.detect_time.value_or(plain.stages[0]), stated.localize_time.value_or(plain.stages[1]),
                  stated.restart_time.value_or(plain.stages[2])};
  return route;
}

bool takes(const RecoveryClass& route, const FailureCause& cause) {
  return route.causes.empty() || std::find(route.causes.begin(), route.causes.end(), cause.name) != route.causes.end();
}

/// Every cause divides over the classes that name it (or name none) by their shares; what is left takes the plain way.
std::vector<RecoveryRoute> recovery_routes(const Reliability& reliability, const Duration& restart,
                                           const std::vector<FailureCause>& causes) {
  const std::vector<RecoveryClass>& classes = reliability.recovery.classes;
  std::vector<RecoveryRoute> routes{plain_route(reliability, restart)};
  const double all = job_failure_per_s(causes);
  if (classes.empty() || all == 0.0) return routes;
  for (const RecoveryClass& stated : classes) routes.push_back(stated_route(stated, routes.front()));
  routes.front().share = 0.0;
  for (const FailureCause& cause : causes) {
    double sum = 0.0;
    for (const RecoveryClass& stated : classes) sum += takes(stated, cause) ? stated.share : 0.0;
    const double rate = cause.job_rate_per_s() / all;
    for (std::size_t k = 0; k < classes.size(); ++k)
      routes[k + 1].share += takes(classes[k], cause) ? rate * classes[k].share / std::max(1.0, sum) : 0.0;
    routes.front().share += rate * std::max(0.0, 1.0 - sum);
  }
  std::erase_if(routes, [](const RecoveryRoute& route) { return route.share <= 1e-15; });
  return routes;
}

/// Stops that copies in memory restore: all of the software's, and those of nodes whose copies live elsewhere.
double recovered_from_memory(const JobHealth& health, Count copies) {
  double recovered = 0.0;
  for (const FailureCause& cause : health.causes) {
    const Count lost = cause.level == FailureLevel::kJob ? 0 : cause.nodes;
    recovered +=
        cause.job_rate_per_s() * memory_survival(health.nodes.nodes, std::min(copies, health.nodes.nodes), lost);
  }
  const double all = job_failure_per_s(health.causes);
  return all > 0.0 ? recovered / all : 0.0;
}

double blocking_s(const Reliability& reliability, const JobFacts& facts, JobHealth& health) {
  if (reliability.checkpoint_blocking_s) return *reliability.checkpoint_blocking_s;
  const std::optional<double> bytes =
      reliability.checkpoint_size_bytes ? reliability.checkpoint_size_bytes : facts.state_bytes;
  if (!bytes) return assumed("checkpoint.blocking", kBlocking_s, "s", health);
  double bandwidth = kStorageBytesPerNodeSecond * static_cast<double>(health.nodes.nodes);
  if (reliability.checkpoint_bandwidth_bytes_per_s)
    bandwidth = *reliability.checkpoint_bandwidth_bytes_per_s;
  else
    health.defaults.push_back({"checkpoint.bandwidth", bandwidth, "bytes/s", "derived",
                               "2 TB/s sustained for 2,048 nodes, arXiv:2407.21783 section 3.3.1"});
  health.defaults.push_back({"checkpoint.size", *bytes, "bytes",
                             reliability.checkpoint_size_bytes ? "assumed" : "derived",
                             reliability.checkpoint_size_bytes ? "spec" : "14 bytes per parameter"});
  return *bytes / bandwidth;
}

CheckpointPlan checkpoint_plan(const Reliability& reliability, const JobFacts& facts, JobHealth& health) {
  CheckpointPlan plan{.interval_s = reliability.checkpoint_interval_s.value_or(0.0),
                      .blocking_s = blocking_s(reliability, facts, health),
                      .write_s = reliability.checkpoint_write_s,
                      .memory = std::nullopt,
                      .foreseen_ratio = reliability.prediction_recall};
  if (const auto& memory = reliability.checkpoint_memory)
    plan.memory = MemoryCheckpoints{.interval_s = memory->interval_s,
                                    .blocking_s = memory->blocking_s,
                                    .recovered_ratio = recovered_from_memory(health, memory->copies)};
  return plan;
}

/// Full size, then one level per missing replica, then too few nodes.
void describe_levels(const Reliability& reliability, const JobFacts& facts, JobHealth& health) {
  const double by_nodes = health.stops.failure_per_s - job_failure_per_s(health.causes, FailureLevel::kJob);
  const auto add = [&](const std::string& name, Count missing) {
    const double left = 1.0 - static_cast<double>(missing) / static_cast<double>(health.nodes.nodes);
    health.levels.push_back(
        {.name = name, .speed_ratio = left, .failure_per_s = health.stops.failure_per_s - by_nodes * (1.0 - left)});
    health.most_down.push_back(health.nodes.spares + missing);
  };
  add("full size", 0);
  if (const auto& elastic = reliability.elastic) {
    const std::optional<Count> nodes = elastic->replica_nodes ? elastic->replica_nodes : facts.replica_nodes;
    if (!nodes)
      throw NoAnswerError("elastic.replica_nodes is missing; outside a training study the layout does not say it");
    for (Count k = 1; k <= elastic->most_missing && k * *nodes < health.nodes.nodes; ++k)
      add(k == 1 ? "1 replica missing" : fmt::format("{} replicas missing", k), k * *nodes);
    health.resize_s = elastic->resize_time_s;
  }
  health.levels.push_back({.name = "too few nodes", .runs = false, .speed_ratio = 0.0});
}

/// A constant repair is what people state; that its shape is not quite kept is no news to warn of.
void show_stretched_repair(JobHealth& health) {
  const bool nodes_break = health.nodes.failure_per_s > 0.0 && health.nodes.repair.mean_s > 0.0;
  if (nodes_break && health.nodes.repair.scv < kSteadiestRepairScv)
    health.defaults.push_back({"repair_time.scv", kSteadiestRepairScv, "ratio", "derived",
                               "steadier repairs count as three phases where their shape matters: limited crews, "
                               "exhaustion of spares"});
}

void warn_of_exponential_repairs(const JobHealth& health, std::vector<std::string>& warnings) {
  for (const FailureCause& cause : health.causes) {
    if (cause.level == FailureLevel::kDomain && cause.repair.scv != 1.0 && cause.repair.mean_s > 0.0)
      warnings.push_back(
          fmt::format("repairs of '{}' count as exponential in the exhaustion of spares; shares of time "
                      "need only their mean",
                      cause.name));
  }
}

void warn_of_silent_spares(const Reliability& reliability, const JobHealth& health,
                           std::vector<std::string>& warnings) {
  if (reliability.spares_stated || !nodes_fail(health.nodes)) return;
  warnings.push_back(
      "no spares are stated, so after every failure of a node the job waits for its repair; state reliability.spares");
}

double horizon_s(const Spec& spec, const JobFacts& facts) {
  const std::optional<double> horizon = spec.reliability->horizon_s ? spec.reliability->horizon_s : facts.horizon_s;
  if (!horizon) throw SpecError({.file = spec.file}, "missing key 'reliability.horizon', expected a time such as 54 d");
  return *horizon;
}

}  // namespace

std::size_t JobHealth::level_of(Count nodes_down) const {
  std::size_t level = 0;
  while (level < most_down.size() && nodes_down > most_down[level]) ++level;
  return level;
}

JobHealth describe_job_health(const Spec& spec, const Machine& machine, const JobFacts& facts,
                              std::vector<std::string>& warnings) {
  const Reliability& reliability = *spec.reliability;
  JobHealth health{.horizon_s = horizon_s(spec, facts)};
  health.causes = failure_causes(spec, machine.profile, health.horizon_s);
  health.nodes = node_health(spec, machine.profile, health);
  health.stops = {.failure_per_s = job_failure_per_s(health.causes), .scv = reliability.failure_scv};
  health.routes = recovery_routes(reliability, job_restart(reliability, machine.profile, health), health.causes);
  health.struck_in_recovery = reliability.recovery.struck;
  health.checkpoint = checkpoint_plan(reliability, facts, health);
  health.optimal_interval = !reliability.checkpoint_interval_s;
  describe_levels(reliability, facts, health);
  health.maintenance = reliability.maintenance;
  health.slow_states = slow_states(spec, machine.profile);
  health.bad_nodes = reliability.bad_nodes;
  health.scale_up_nodes = std::max<Count>(
      1, machine.profile.scale_up_domain_devices / std::max<Count>(1, machine.profile.devices_per_node));
  show_stretched_repair(health);
  warn_of_exponential_repairs(health, warnings);
  warn_of_silent_spares(reliability, health, warnings);
  return health;
}

}  // namespace windtunnel::modeling
