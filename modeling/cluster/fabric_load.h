// SPDX-License-Identifier: Apache-2.0
// What every class of traffic asks of the switches: flows and load on the uplinks of each leaf and pod, by rank
// arithmetic over one plane of the scale-out network. The graph of topology.h gives the same loads link by link; the
// test holds the two together.
//
// Between two domains the members of a group talk to the member at their own place in the other domain (the same rail):
//   ring          to the next domain of the group, the last to the first; one flow at full port speed
//   all-to-all    to every other domain of the group, equal parts; the libraries that forward inside the domain first
//   (PXN)
//                 keep traffic on its rail in this way
//   pipeline      to the same place of the next stage
// All groups of one class send at the same time: they run the same program. Sources: NCCL (github.com/NVIDIA/nccl)
// rings follow rank order; Qian et al., Alibaba HPN, SIGCOMM 2024, for rail-optimised placement.
#pragma once

#include <array>
#include <vector>

#include "modeling/cluster/placement.h"
#include "modeling/cluster/topology.h"

namespace windtunnel::modeling {

enum class TrafficPattern { kNone, kRing, kAllToAll, kPipeline };

/// One class of traffic as the fabric sees it.
struct FabricClass {
  TrafficPattern pattern = TrafficPattern::kNone;
  GroupPlacement group;
};
using FabricClasses = std::array<FabricClass, kCommGroups>;

/// Patterns of a step: the collectives of `graph` by group, hand-overs between stages for the pipeline. A group that
/// stays inside its domains has no pattern.
FabricClasses fabric_classes(const OperatorGraph& graph, const Placement& placement);

/// A pair of ports of the plane that talk, and the share of the sender's port speed that goes there.
struct PortFlow {
  int from = 0;
  int to = 0;
  double weight = 1.0;
};

/// All flows of one class on plane 0 in rank order (`scattered` is not applied).
std::vector<PortFlow> port_flows(const FabricClass& one, const Fabric& fabric, const ClosShape& shape);

/// Leaves (or pods) whose uplinks carry the same.
struct UplinkBundle {
  double count = 1.0;
  /// By class, in ports; and the number of flows that make it up.
  std::array<double, kCommGroups> load{};
  std::array<double, kCommGroups> flows{};
};

/// One tier of uplinks.
struct TierLoad {
  FabricTier tier = FabricTier::kLeafUplink;
  /// Parallel links of one bundle that a flow may take, each of `capacity` ports.
  Count links = 1;
  double capacity = 1.0;
  std::vector<UplinkBundle> bundles;
  /// Which classes scatter over destinations, so that links downwards fill independently of links upwards.
  std::array<bool, kCommGroups> mixes_downwards{};
  /// Mean load per link of a class while it sends, relative to the capacity.
  double mean_load_ratio(int group) const;
};

struct FabricLoad {
  ClosShape shape;
  /// Tiers that exist between the leaves of the job; empty when one leaf holds it.
  std::vector<TierLoad> tiers;
};

FabricLoad fabric_load(const HardwareProfile& profile, Count num_devices, const FabricClasses& classes);

/// True when no placement and no hashing can slow traffic: spread packets and full capacity above.
bool never_congested(const Fabric& fabric);

}  // namespace windtunnel::modeling
