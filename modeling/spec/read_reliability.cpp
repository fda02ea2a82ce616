// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

const Choices<SpareKind> kSpareChoices = {
    {"hot", SpareKind::kHot}, {"warm", SpareKind::kWarm}, {"cold", SpareKind::kCold}};

void read_failure_rates(YamlReader block, Reliability& reliability) {
  for (const std::string& kind : component_kinds()) {
    if (const auto rate = block.find(kind)) reliability.failure_rates_per_s[kind] = rate->quantity(Dimension::kRate);
  }
  block.finish();
}

void read_repair_crews(YamlReader& block, Reliability& reliability) {
  const auto crews = block.find("repair_crews");
  if (!crews || (crews->is_scalar() && crews->text() == "unlimited")) return;
  reliability.repair_crews = crews->count(1, kMostDevices);
}

void read_spares(YamlReader block, Reliability& reliability) {
  reliability.spare_nodes = block.count("nodes", 0, kMostDevices);
  reliability.spare_kind = read_choice(block, "kind", kSpareChoices, SpareKind::kCold);
  block.finish();
}

void read_checkpoint(YamlReader block, Reliability& reliability) {
  const auto interval = block.find("interval");
  const bool optimal = !interval || (interval->is_scalar() && interval->text() == "optimal");
  if (!optimal) reliability.checkpoint_interval_s = interval->positive_quantity(Dimension::kTime);
  reliability.checkpoint_blocking_s = block.optional_quantity("blocking", Dimension::kTime);
  block.finish();
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

std::optional<Duration> optional_duration(YamlReader& block, std::string_view key) {
  const auto value = block.find(key);
  return value ? std::optional(read_duration(*value)) : std::nullopt;
}

std::optional<double> optional_horizon(YamlReader& block) {
  const auto horizon = block.find("horizon");
  return horizon ? std::optional(horizon->positive_quantity(Dimension::kTime)) : std::nullopt;
}

}  // namespace

Reliability read_reliability(YamlReader block) {
  Reliability reliability;
  reliability.horizon_s = optional_horizon(block);
  if (const auto rates = block.find("failure_rates")) read_failure_rates(rates->map(), reliability);
  reliability.repair_time = optional_duration(block, "repair_time");
  read_repair_crews(block, reliability);
  if (const auto spares = block.find("spares")) read_spares(spares->map(), reliability);
  if (const auto checkpoint = block.find("checkpoint")) read_checkpoint(checkpoint->map(), reliability);
  reliability.restart_time = optional_duration(block, "restart_time");
  if (const auto domains = block.find("domains")) {
    for (const YamlValue& domain : domains->list()) reliability.domains.push_back(read_domain(domain.map()));
  }
  block.finish();
  return reliability;
}

}  // namespace windtunnel::modeling
