// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

const Choices<bool> kNetworkChoices = {{"storage", false}, {"scale_out", true}};
const Choices<SpareKind> kSpareChoices = {
    {"hot", SpareKind::kHot}, {"warm", SpareKind::kWarm}, {"cold", SpareKind::kCold}};

const Choices<FailSlow> kFailSlowChoices = {
    {"run_on", FailSlow::kRunOn}, {"drain", FailSlow::kDrain}, {"ignore", FailSlow::kIgnore}};

const Choices<bool> kAfterRepairChoices = {{"as_old", false}, {"as_new", true}};

const Choices<bool> kStrikeChoices = {{"strike", true}, {"wait", false}};

constexpr double kMostFactor = 1e6;

std::optional<Duration> optional_duration(YamlReader& block, std::string_view key) {
  const auto value = block.find(key);
  return value ? std::optional(read_duration(*value)) : std::nullopt;
}

void read_failure_rates(YamlReader block, Reliability& reliability) {
  for (const std::string& kind : component_kinds()) {
    if (const auto rate = block.find(kind)) reliability.failure_rates_per_s[kind] = rate->quantity(Dimension::kRate);
  }
  if (const auto others = block.find("others")) {
    static const Choices<bool> kOthers = {{"profile", true}, {"none", false}};
    reliability.other_failures = read_choice(*others, kOthers);
  }
  block.finish();
}

void read_repair_crews(YamlReader& block, Reliability& reliability) {
  const auto crews = block.find("repair_crews");
  if (!crews || (crews->is_scalar() && crews->text() == "unlimited")) return;
  reliability.repair_crews = crews->count(1, kMostDevices);
}

void read_spares(YamlReader block, Reliability& reliability) {
  reliability.spares_stated = true;
  reliability.spare_nodes = block.count("nodes", 0, kMostDevices);
  reliability.spare_kind = read_choice(block, "kind", kSpareChoices, SpareKind::kCold);
  block.finish();
}

MemoryCheckpoint read_memory_checkpoint(YamlReader block) {
  MemoryCheckpoint memory;
  memory.interval_s = block.require("interval").positive_quantity(Dimension::kTime);
  memory.blocking_s = block.quantity("blocking", Dimension::kTime, 0.0);
  memory.copies = block.count("copies", 1, 64, memory.copies);
  block.finish();
  return memory;
}

/// Only traffic beside the steps meets theirs, and its rate must be known before the steps are.
void check_checkpoint_network(const Reliability& reliability, const YamlReader& block) {
  if (!reliability.checkpoint_on_scale_out) return;
  const bool writes = reliability.checkpoint_write_s > 0.0;
  if (!writes && !reliability.checkpoint_memory) {
    throw SpecError(block.location_of("network"),
                    "nothing is written beside the steps, scale_out needs write_time or memory");
  }
  if (writes && !reliability.checkpoint_interval_s) {
    throw SpecError(block.location_of("network"), "scale_out needs a stated interval, found optimal");
  }
}

void read_checkpoint(YamlReader block, Reliability& reliability) {
  const auto interval = block.find("interval");
  const bool optimal = !interval || (interval->is_scalar() && interval->text() == "optimal");
  if (!optimal) reliability.checkpoint_interval_s = interval->positive_quantity(Dimension::kTime);
  reliability.checkpoint_blocking_s = block.optional_quantity("blocking", Dimension::kTime);
  reliability.checkpoint_size_bytes = optional_positive(block, "size", Dimension::kBytes);
  reliability.checkpoint_bandwidth_bytes_per_s = optional_positive(block, "bandwidth", Dimension::kBytesPerSecond);
  reliability.checkpoint_write_s = block.quantity("write_time", Dimension::kTime, 0.0);
  if (const auto memory = block.find("memory")) reliability.checkpoint_memory = read_memory_checkpoint(memory->map());
  reliability.checkpoint_on_scale_out = read_choice(block, "network", kNetworkChoices, false);
  block.finish();
  check_checkpoint_network(reliability, block);
}

FailureDomain read_domain(YamlReader block) {
  FailureDomain domain;
  domain.name = block.text("name");
  domain.nodes = block.count("nodes", 1, kMostDevices);
  domain.rate_per_s = block.quantity("rate", Dimension::kRate);
  domain.repair_time = read_duration(block.require("repair_time"));
  block.finish();
  return domain;
}

/// Kinds of components and names of domains.
std::vector<std::string> known_causes(const Reliability& reliability) {
  std::vector<std::string> names = component_kinds();
  for (const FailureDomain& domain : reliability.domains) names.push_back(domain.name);
  return names;
}

void read_causes(const YamlValue& value, const std::vector<std::string>& known, RecoveryClass& route) {
  for (const YamlValue& cause : value.list()) {
    const std::string name = cause.text();
    if (std::find(known.begin(), known.end(), name) == known.end())
      cause.fail(fmt::format("unknown cause '{}', expected a component kind or the name of a domain{}", name,
                             suggestion(name, known)));
    route.causes.push_back(name);
  }
}

RecoveryClass read_recovery_class(YamlReader block, const Reliability& reliability) {
  RecoveryClass route;
  route.name = block.text("name");
  if (const auto causes = block.find("causes")) read_causes(*causes, known_causes(reliability), route);
  route.share = block.number("share", 0.0, 1.0, 1.0);
  route.detect_time = optional_duration(block, "detect_time");
  route.localize_time = optional_duration(block, "localize_time");
  route.restart_time = optional_duration(block, "restart_time");
  block.finish();
  return route;
}

void read_recovery(YamlReader block, Reliability& reliability) {
  Recovery& recovery = reliability.recovery;
  recovery.detect_time = optional_duration(block, "detect_time");
  recovery.localize_time = optional_duration(block, "localize_time");
  recovery.struck = read_choice(block, "failures", kStrikeChoices, true);
  if (const auto classes = block.find("classes")) {
    for (const YamlValue& one : classes->list())
      recovery.classes.push_back(read_recovery_class(one.map(), reliability));
  }
  block.finish();
}

EarlyLife read_early_life(YamlReader block) {
  EarlyLife early;
  early.factor = block.require("factor").number(0.0, kMostFactor);
  early.duration_s = block.require("duration").positive_quantity(Dimension::kTime);
  block.finish();
  return early;
}

BadNodes read_bad_nodes(YamlReader block) {
  BadNodes bad;
  bad.share = block.require("share").number(0.0, 1.0);
  bad.factor = block.require("factor").number(1.0, kMostFactor);
  block.finish();
  return bad;
}

WearOut read_wear_out(YamlReader block) {
  WearOut wear;
  wear.shape = block.require("shape").number(0.2, 100.0);
  wear.scale_s = block.require("scale").positive_quantity(Dimension::kTime);
  wear.age_s = block.quantity("age", Dimension::kTime, 0.0);
  wear.repaired_as_new = read_choice(block, "after_repair", kAfterRepairChoices, false);
  block.finish();
  return wear;
}

Elastic read_elastic(YamlReader block) {
  Elastic elastic;
  elastic.replica_nodes = block.optional_count("replica_nodes", 1, kMostDevices);
  elastic.most_missing = block.count("most_missing", 1, 64, 1);
  elastic.resize_time_s = block.quantity("resize_time", Dimension::kTime, elastic.resize_time_s);
  block.finish();
  return elastic;
}

Maintenance read_maintenance(YamlReader block) {
  Maintenance maintenance;
  maintenance.every_s = block.require("every").positive_quantity(Dimension::kTime);
  maintenance.duration_s = block.require("duration").positive_quantity(Dimension::kTime);
  block.finish();
  return maintenance;
}

/// Early life, bad nodes, ageing: how the stated rates vary over nodes and time.
void read_rate_variation(YamlReader& block, Reliability& reliability) {
  reliability.failure_scv = block.number("failure_scv", 0.0, 1e4, 1.0);
  if (const auto early = block.find("early_life")) reliability.early_life = read_early_life(early->map());
  if (const auto bad = block.find("bad_nodes")) reliability.bad_nodes = read_bad_nodes(bad->map());
  if (const auto wear = block.find("wear_out")) reliability.wear_out = read_wear_out(wear->map());
}

/// What the job does about failures besides restarting.
void read_policies(YamlReader& block, Reliability& reliability) {
  if (const auto elastic = block.find("elastic")) reliability.elastic = read_elastic(elastic->map());
  if (const auto maintenance = block.find("maintenance"))
    reliability.maintenance = read_maintenance(maintenance->map());
  reliability.prediction_recall = block.number("prediction_recall", 0.0, 1.0, 0.0);
  reliability.fail_slow = read_choice(block, "fail_slow", kFailSlowChoices, FailSlow::kRunOn);
  reliability.link_planes = block.count("link_planes", 1, 64, 1);
}

void read_budget(YamlReader& block, Reliability& reliability) {
  reliability.availability_target = block.number("availability_target", 0.0, 1.0, reliability.availability_target);
  reliability.deadline_s = optional_positive(block, "deadline", Dimension::kTime);
  reliability.price_per_device_hour = block.optional_number("price_per_device_hour", 0.0, 1e9);
  reliability.power_per_device_w = block.optional_quantity("power_per_device", Dimension::kPower);
}

}  // namespace

Reliability read_reliability(YamlReader block) {
  Reliability reliability;
  reliability.horizon_s = optional_positive(block, "horizon", Dimension::kTime);
  if (const auto rates = block.find("failure_rates")) read_failure_rates(rates->map(), reliability);
  reliability.failure_rate_factor = block.number("failure_rate_factor", 0.0, 1e6, 1.0);
  reliability.repair_time = optional_duration(block, "repair_time");
  read_repair_crews(block, reliability);
  if (const auto spares = block.find("spares")) read_spares(spares->map(), reliability);
  if (const auto checkpoint = block.find("checkpoint")) read_checkpoint(checkpoint->map(), reliability);
  reliability.restart_time = optional_duration(block, "restart_time");
  if (const auto domains = block.find("domains")) {
    for (const YamlValue& domain : domains->list()) reliability.domains.push_back(read_domain(domain.map()));
  }
  if (const auto recovery = block.find("recovery")) read_recovery(recovery->map(), reliability);
  read_rate_variation(block, reliability);
  read_policies(block, reliability);
  read_budget(block, reliability);
  block.finish();
  return reliability;
}

}  // namespace windtunnel::modeling
