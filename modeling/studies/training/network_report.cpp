// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/network_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace windtunnel::modeling {

namespace {

/// Above this the off times of the link chain are no longer long against its transfers.
constexpr double kCrowded = 0.9;

const LinkSolution& link_of(const StepAtLevel& level, bool scale_up) {
  return scale_up ? level.scale_up : level.scale_out;
}

/// Mean over the step of load over capacity of a tier's links.
double uplink_utilization(const TierLoad& tier, const StepAtLevel& level) {
  double used = 0.0;
  for (int group = 0; group < kCommGroups; ++group)
    used += tier.mean_load_ratio(group) * level.step.traffic[group].scale_out_busy_s;
  return used / level.step.ideal_s();
}

double fullest_load_ratio(const TierLoad& tier) {
  double fullest = 0.0;
  for (const UplinkBundle& bundle : tier.bundles) {
    double load = 0.0;
    for (double one : bundle.load) load += one;
    fullest = std::max(fullest, load / (static_cast<double>(tier.links) * tier.capacity));
  }
  return fullest;
}

void add_tier(Breakdown& breakdown, const std::string& name, double utilization, double slowdown, double probability) {
  breakdown.entries.push_back({name + ".link_utilization_ratio", utilization});
  breakdown.entries.push_back({name + ".congestion_slowdown_ratio", slowdown});
  breakdown.entries.push_back({name + ".congestion_probability", probability});
}

double quantile(const SlowdownLaw& law, double probability) {
  double below = 0.0;
  for (std::size_t k = 0; k < law.value.size(); ++k) {
    below += law.probability[k];
    if (below >= probability * (1.0 - 1e-12)) return law.value[k];
  }
  return law.value.back();
}

}  // namespace

LinkSolution average_link(const CoupledStep& coupled, bool scale_up) {
  LinkSolution average = link_of(coupled.levels.front(), scale_up);
  average.utilization_ratio = average.congestion_slowdown_ratio = average.congestion_probability = 0.0;
  average.uplinks.assign(average.uplinks.size(), UplinkUse{0.0, 0.0});
  for (const StepAtLevel& level : coupled.levels) {
    const LinkSolution& link = link_of(level, scale_up);
    average.utilization_ratio += level.probability * link.utilization_ratio;
    average.congestion_slowdown_ratio += level.probability * link.congestion_slowdown_ratio;
    average.congestion_probability += level.probability * link.congestion_probability;
    for (std::size_t tier = 0; tier < link.uplinks.size(); ++tier) {
      average.uplinks[tier].congestion_slowdown_ratio +=
          level.probability * link.uplinks[tier].congestion_slowdown_ratio;
      average.uplinks[tier].congestion_probability += level.probability * link.uplinks[tier].congestion_probability;
    }
  }
  return average;
}

Breakdown network_breakdown(const CoupledStep& coupled) {
  Breakdown breakdown{.name = "network"};
  const LinkSolution out = average_link(coupled, false);
  for (const bool scale_up : {true, false}) {
    const LinkSolution link = scale_up ? average_link(coupled, true) : out;
    add_tier(breakdown, to_string(scale_up ? FabricTier::kScaleUp : FabricTier::kScaleOut), link.utilization_ratio,
             link.congestion_slowdown_ratio, link.congestion_probability);
  }
  for (std::size_t tier = 0; tier < coupled.fabric.tiers.size(); ++tier) {
    const TierLoad& load = coupled.fabric.tiers[tier];
    double utilization = 0.0;
    for (const StepAtLevel& level : coupled.levels) utilization += level.probability * uplink_utilization(load, level);
    const UplinkUse use = tier < out.uplinks.size() ? out.uplinks[tier] : UplinkUse{};
    add_tier(breakdown, to_string(load.tier), utilization, use.congestion_slowdown_ratio, use.congestion_probability);
  }
  return breakdown;
}

Breakdown fabric_breakdown(const CoupledStep& coupled) {
  Breakdown breakdown{.name = "fabric"};
  if (coupled.fabric.tiers.empty()) return breakdown;
  const ClosShape& shape = coupled.fabric.shape;
  breakdown.entries = {{"leaves_per_rail", static_cast<double>(shape.leaves)},
                       {"ports_per_leaf", static_cast<double>(shape.leaf_ports)},
                       {"uplinks_per_leaf", static_cast<double>(shape.uplinks)},
                       {"pods", static_cast<double>(shape.pods)}};
  for (const TierLoad& tier : coupled.fabric.tiers)
    breakdown.entries.push_back({to_string(tier.tier) + ".fullest_load_ratio", fullest_load_ratio(tier)});
  if (coupled.congestion.crossing() == 0) return breakdown;
  const SlowdownLaw& law = coupled.congestion.law(coupled.congestion.crossing());
  breakdown.entries.push_back({"slowest_flow.slowdown_mean_ratio", law.mean()});
  breakdown.entries.push_back({"slowest_flow.slowdown_p50_ratio", quantile(law, 0.50)});
  breakdown.entries.push_back({"slowest_flow.slowdown_p99_ratio", quantile(law, 0.99)});
  return breakdown;
}

std::vector<std::string> fabric_warnings(const CoupledStep& coupled, const Machine& machine) {
  std::vector<std::string> warnings;
  for (const bool scale_up : {true, false}) {
    const double used = average_link(coupled, scale_up).utilization_ratio;
    if (used <= kCrowded) continue;
    warnings.push_back(
        fmt::format("{} is busy {:.0f} % of the step: its chain takes transfers as independent of each other, and here "
                    "they are not; read its slowdown as an estimate",
                    scale_up ? "scale_up" : "scale_out", 100.0 * used));
  }
  const double slowest =
      coupled.congestion.crossing() ? coupled.congestion.law(coupled.congestion.crossing()).mean() : 1.0;
  if (slowest > 2.0) {
    warnings.push_back(
        fmt::format("flows over the uplinks fall behind their ports by {:.1f} in the mean: the model takes all devices "
                    "of a class as sending at once, which is the worst case for classes that wait for different "
                    "collectives",
                    slowest));
  }
  if (machine.profile.fabric.topology == "torus" && coupled.fabric.shape.leaves > 1)
    warnings.push_back("the torus is modelled inside one domain; between domains the network is taken as a fat tree");
  return warnings;
}

}  // namespace windtunnel::modeling
