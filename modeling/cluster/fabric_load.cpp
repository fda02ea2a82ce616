// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/fabric_load.h"

#include <algorithm>
#include <map>
#include <set>

namespace windtunnel::modeling {

namespace {

TrafficPattern pattern_of(Collective kind) {
  return kind == Collective::kAllToAll ? TrafficPattern::kAllToAll : TrafficPattern::kRing;
}

/// Calls visit(to, weight) for everyone outside its domain that device x of the job talks to.
template <typename Visit>
void visit_partners(const FabricClass& one, Count x, Count num_devices, Visit&& visit) {
  const GroupPlacement& group = one.group;
  const Count block = group.size * group.stride;
  const Count hop = group.local * group.stride;
  const Count first = x / block * block;
  switch (one.pattern) {
    case TrafficPattern::kNone:
      return;
    case TrafficPattern::kRing:
      return visit(first + (x - first + hop) % block, 1.0);
    case TrafficPattern::kAllToAll:
      for (Count k = 1; k < group.domains; ++k)
        visit(first + (x - first + k * hop) % block, 1.0 / static_cast<double>(group.domains - 1));
      return;
    case TrafficPattern::kPipeline:
      if (x + group.stride < num_devices) visit(x + group.stride, 1.0);
      return;
  }
}

/// Loads of every leaf or pod of one tier, each class on its own.
struct Uplinks {
  std::vector<UplinkBundle> bundle;
  /// Per class and receiving bundle: the sending bundles.
  std::array<std::map<Count, std::set<Count>>, kCommGroups> senders;
};

/// Ports of plane 0: port p is device p * rails.
Uplinks packed_uplinks(const FabricClasses& classes, const ClosShape& shape, Count rails, Count ports_per_bundle,
                       Count bundles) {
  Uplinks up;
  up.bundle.resize(bundles);
  const Count devices = shape.ports * rails;
  for (int group = 0; group < kCommGroups; ++group) {
    if (classes[group].pattern == TrafficPattern::kNone) continue;
    for (Count port = 0; port < shape.ports; ++port) {
      const Count from = port / ports_per_bundle;
      visit_partners(classes[group], port * rails, devices, [&](Count to_device, double weight) {
        const Count to = to_device / rails / ports_per_bundle;
        if (to == from || to >= bundles) return;
        up.bundle[from].load[group] += weight;
        up.bundle[from].flows[group] += 1.0;
        up.senders[group][to].insert(from);
      });
    }
  }
  return up;
}

/// Nodes anywhere: a flow leaves its bundle unless its partner happens to lie below it. Means; the binomial spread
/// between bundles is left out.
Uplinks scattered_uplinks(const FabricClasses& classes, const ClosShape& shape, Count ports_per_bundle, Count bundles) {
  Uplinks up;
  up.bundle.resize(bundles);
  const double below = static_cast<double>(std::min(ports_per_bundle, shape.ports));
  const double leaves = 1.0 - (below - 1.0) / std::max(1.0, static_cast<double>(shape.ports) - 1.0);
  for (int group = 0; group < kCommGroups; ++group) {
    if (classes[group].pattern == TrafficPattern::kNone) continue;
    const double partners = classes[group].pattern == TrafficPattern::kAllToAll
                                ? static_cast<double>(classes[group].group.domains - 1)
                                : 1.0;
    for (UplinkBundle& bundle : up.bundle) {
      bundle.load[group] = below * leaves;
      bundle.flows[group] = below * leaves * partners;
    }
    up.senders[group][0] = {0, 1};
  }
  return up;
}

std::vector<UplinkBundle> merge_equal(const std::vector<UplinkBundle>& bundles) {
  std::map<std::pair<std::array<double, kCommGroups>, std::array<double, kCommGroups>>, double> kinds;
  for (const UplinkBundle& bundle : bundles) kinds[{bundle.load, bundle.flows}] += bundle.count;
  std::vector<UplinkBundle> merged;
  for (const auto& [loads, count] : kinds) merged.push_back({count, loads.first, loads.second});
  return merged;
}

TierLoad tier_load(FabricTier tier, Count links, double capacity, const Uplinks& up) {
  TierLoad load{.tier = tier, .links = links, .capacity = capacity, .bundles = merge_equal(up.bundle)};
  for (int group = 0; group < kCommGroups; ++group) {
    for (const auto& [to, senders] : up.senders[group])
      load.mixes_downwards[group] = load.mixes_downwards[group] || senders.size() > 1;
  }
  return load;
}

}  // namespace

FabricClasses fabric_classes(const OperatorGraph& graph, const Placement& placement) {
  FabricClasses classes;
  const auto set = [&](CommGroup group, TrafficPattern pattern) {
    const GroupPlacement& place = placement.group(group);
    if (place.spans_domains()) classes[static_cast<int>(group)] = {pattern, place};
  };
  for (int vertex = 0; vertex < graph.size(); ++vertex) {
    const Operator& op = graph.at(vertex);
    if (op.kind == OperatorKind::kCollective) set(op.group, pattern_of(op.collective));
  }
  if (placement.pipeline > 1) set(CommGroup::kPipeline, TrafficPattern::kPipeline);
  return classes;
}

std::vector<PortFlow> port_flows(const FabricClass& one, const Fabric& fabric, const ClosShape& shape) {
  const Count rails = separate_rails(fabric);
  std::vector<PortFlow> flows;
  for (Count port = 0; port < shape.ports; ++port) {
    visit_partners(one, port * rails, shape.ports * rails, [&](Count to, double weight) {
      if (to / rails < shape.ports) flows.push_back({static_cast<int>(port), static_cast<int>(to / rails), weight});
    });
  }
  return flows;
}

double TierLoad::mean_load_ratio(int group) const {
  double load = 0.0;
  double count = 0.0;
  for (const UplinkBundle& bundle : bundles) {
    load += bundle.count * bundle.load[group];
    count += bundle.count;
  }
  return count > 0.0 ? load / (count * static_cast<double>(links) * capacity) : 0.0;
}

FabricLoad fabric_load(const HardwareProfile& profile, Count num_devices, const FabricClasses& classes) {
  FabricLoad load{.shape = scale_out_shape(profile, num_devices)};
  const ClosShape& shape = load.shape;
  const Count rails = separate_rails(profile.fabric);
  const auto uplinks = [&](Count ports, Count bundles) {
    return profile.fabric.scattered ? scattered_uplinks(classes, shape, ports, bundles)
                                    : packed_uplinks(classes, shape, rails, ports, bundles);
  };
  if (shape.leaves > 1) {
    load.tiers.push_back(tier_load(FabricTier::kLeafUplink, shape.uplinks, shape.uplink_capacity,
                                   uplinks(shape.leaf_ports, shape.leaves)));
  }
  if (shape.pods > 1) {
    load.tiers.push_back(tier_load(FabricTier::kSpineUplink, shape.uplinks * shape.spine_uplinks,
                                   shape.spine_uplink_capacity,
                                   uplinks(shape.leaf_ports * shape.leaves_per_pod, shape.pods)));
  }
  return load;
}

bool never_congested(const Fabric& fabric) {
  return fabric.routing == "adaptive" && fabric.oversubscription.value <= 1.0 &&
         fabric.pod_oversubscription.value <= 1.0;
}

}  // namespace windtunnel::modeling
