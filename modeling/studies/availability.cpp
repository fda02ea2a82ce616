// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/availability.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

// Where the spec and the profile are silent. Warm: half way between hot and cold. Repair: automated repairs take hours,
// hardware days. Restart: whole failover of a 10,000-device job without special systems. Blocking: between asynchronous
// (0.5 s) and synchronous (50 s and more) checkpoints of large jobs.
constexpr double kWarmFailureRatio = 0.5;
constexpr double kRepair_s = 86400.0;
constexpr double kRestart_s = 600.0;
constexpr double kBlocking_s = 10.0;
/// The chain's repairs have at most three phases in a row.
constexpr double kSteadiestRepairScv = 1.0 / 3.0;

double spare_failure_ratio(SpareKind kind) {
  if (kind == SpareKind::kHot) return 1.0;
  return kind == SpareKind::kWarm ? kWarmFailureRatio : 0.0;
}

/// `stated`, or the default with a line in the list of assumptions.
double value_or_default(const std::optional<double>& stated, const std::string& name, double value,
                        const std::string& unit, JobHealth& health) {
  if (stated) return *stated;
  health.defaults.push_back({name, value, unit, "assumed", "default of the availability study"});
  return value;
}

Duration node_repair(const Reliability& reliability, JobHealth& health) {
  if (reliability.repair_time) return *reliability.repair_time;
  const Duration mixed = mixed_node_repair(health.causes);
  if (mixed.mean_s > 0.0) return mixed;
  return {.mean_s = value_or_default(std::nullopt, "repair_time", kRepair_s, "s", health), .scv = 1.0};
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
  return {.mean_s = value_or_default(std::nullopt, "restart_time", kRestart_s, "s", health)};
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
    value_or_default(std::nullopt, "spares.warm_failure_ratio", kWarmFailureRatio, "ratio", health);
  return {.nodes = nodes,
          .spares = reliability.spare_nodes,
          .spare_failure_ratio = spare_failure_ratio(reliability.spare_kind),
          .failure_per_s = job_failure_per_s(health.causes, FailureLevel::kNode) / static_cast<double>(nodes),
          .repair = node_repair(reliability, health),
          .repair_crews = reliability.repair_crews,
          .domains = domain_kinds(health.causes)};
}

void warn_of_stretched_repairs(const JobHealth& health, std::vector<std::string>& warnings) {
  const bool nodes_break = health.nodes.failure_per_s > 0.0 && health.nodes.repair.mean_s > 0.0;
  if (nodes_break && health.nodes.repair.scv < kSteadiestRepairScv)
    warnings.push_back(
        fmt::format("repair_time has scv {:.3g}; where its shape matters (limited crews, exhaustion of "
                    "spares) three phases of scv 1/3 stand in",
                    health.nodes.repair.scv));
  for (const FailureCause& cause : health.causes) {
    if (cause.level == FailureLevel::kDomain && cause.repair.scv != 1.0 && cause.repair.mean_s > 0.0)
      warnings.push_back(
          fmt::format("repairs of '{}' count as exponential in the exhaustion of spares; shares of time "
                      "need only their mean",
                      cause.name));
  }
}

/// At least the time to the first stop, which is spent at full size.
double long_run_full_size_s(const JobHealth& health, double availability_ratio) {
  const double rate = health.job.failure_per_s;
  const double until_first_stop_s = rate > 0.0 ? -std::expm1(-rate * health.horizon_s) / rate : health.horizon_s;
  return std::max(availability_ratio * health.horizon_s, until_first_stop_s);
}

}  // namespace

JobHealth describe_job_health(const Spec& spec, const Machine& machine, std::vector<std::string>& warnings) {
  const Reliability& reliability = *spec.reliability;
  if (!reliability.horizon_s)
    throw SpecError({.file = spec.file}, "missing key 'reliability.horizon', expected a time such as 54 d");
  JobHealth health{.horizon_s = *reliability.horizon_s};
  health.causes = failure_causes(spec, machine.profile);
  health.nodes = node_health(spec, machine.profile, health);
  health.job.failure_per_s = job_failure_per_s(health.causes);
  health.job.restart = job_restart(reliability, machine.profile, health);
  health.job.blocking_s =
      value_or_default(reliability.checkpoint_blocking_s, "checkpoint.blocking", kBlocking_s, "s", health);
  health.interval_s = reliability.checkpoint_interval_s;
  warn_of_stretched_repairs(health, warnings);
  return health;
}

AvailabilityAnswer solve_availability(const JobHealth& health) {
  AvailabilityAnswer answer;
  answer.down = solve_down_count(health.nodes);
  answer.availability_ratio = answer.down.at_most(health.nodes.spares);
  const auto full_size_s = full_size_time_s(health.nodes, health.horizon_s);
  answer.full_size_s = full_size_s.value_or(long_run_full_size_s(health, answer.availability_ratio));
  answer.full_size_from_long_run = !full_size_s;
  answer.exhaustion = solve_exhaustion(health.nodes, health.horizon_s);
  answer.checkpoint_interval_s =
      health.interval_s.value_or(optimal_checkpoint_interval_s(health.job.failure_per_s, health.job.blocking_s));
  answer.shares = checkpoint_shares(health.job, answer.checkpoint_interval_s);
  answer.spares_99 = smallest_spares(health.nodes, 0.99, answer.down);
  answer.spares_999 = smallest_spares(health.nodes, 0.999, answer.down);
  answer.spares_9999 = smallest_spares(health.nodes, 0.9999, answer.down);
  return answer;
}

}  // namespace windtunnel::modeling
