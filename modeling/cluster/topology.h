// SPDX-License-Identifier: Apache-2.0
// The network as a graph: device ports, switches, links with their capacity, and the equal-cost routes between ports.
//
// Rails and planes are equal and do not touch, so one of each stands for all:
//
//   scale-out   rail_optimized_fat_tree  device x has a port on rail x % rails; leaves of `leaf_devices` ports, each
//               with u = leaf_devices / oversubscription uplinks, one to each of u spines; with `pod_devices` the
//               spines of a pod have uplinks of their own to a third tier
//               fat_tree                 one rail that holds all ports
//               dual_tor                 two planes of half the bandwidth on each rail; one of them is drawn
//               torus, two_tier          as fat_tree between the scale-up domains
//   scale-up    one switch between the devices of a domain (NVLink switches, UB); two_tier: a first-level switch per
//               node with one uplink to each of `rails` planes; torus: 2 links per dimension and device
//
// Capacities are in units of one device's port of that tier, so a capacity of 1 carries one device at full speed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "modeling/cluster/hardware_profile.h"

namespace windtunnel::modeling {

/// What a link is for; the names of the network tiers in the report.
enum class FabricTier { kScaleUp, kScaleUpUplink, kScaleOut, kLeafUplink, kSpineUplink };
std::string to_string(FabricTier tier);

/// One direction of a cable.
struct FabricLink {
  FabricTier tier = FabricTier::kScaleOut;
  /// In ports of the tier's device.
  double capacity = 1.0;
  /// True: from the device towards the top.
  bool up = true;
};

/// Numbers that fix the shape of a folded Clos network (leaf, spine, third tier); also used without the graph.
struct ClosShape {
  Count ports = 1;
  Count leaf_ports = 1;
  Count leaves = 1;
  /// Uplinks of one leaf and their capacity in ports.
  Count uplinks = 1;
  double uplink_capacity = 1.0;
  Count pods = 1;
  Count leaves_per_pod = 1;
  /// Uplinks of one spine switch; a pod has `uplinks` spines.
  Count spine_uplinks = 0;
  double spine_uplink_capacity = 1.0;
};

/// Rails that are modelled apart: 1 for topologies that put all ports of a node on one leaf.
Count separate_rails(const Fabric& fabric);

/// One scale-out plane of a job of `num_devices`.
ClosShape scale_out_shape(const HardwareProfile& profile, Count num_devices);

/// Side lengths of the torus slice that holds `devices`: as cubic as the divisors allow; two dimensions up to a domain
/// of 256, three beyond.
std::vector<Count> torus_shape(Count devices, Count domain_devices);

/// Time of a uniform all-to-all on a torus of these sides over that of a network where only the ports count: the mean
/// distance along the longest side, in links, times the dimensions the port is divided over, per byte that leaves.
/// Dimension by dimension, the shorter way round: every link of a dimension carries the same (Dally, Towles, Principles
/// and Practices of Interconnection Networks, 2004, section 5.2). 1 for a single device.
double torus_all_to_all_slowdown(const std::vector<Count>& sides);

/// A network of ports and switches; ports are vertices 0 .. ports() - 1.
class Topology {
 public:
  ~Topology();
  Topology(Topology&&) noexcept;
  Topology& operator=(Topology&&) noexcept;

  int ports() const;
  int switches() const;
  const std::vector<FabricLink>& links() const;
  /// Links of every shortest path between two ports; one empty path from a port to itself. In a Clos network the path
  /// is fixed by the switches chosen on the way up. A torus goes dimension by dimension, the shorter way round, both
  /// ways when they are equally long.
  std::vector<std::vector<int>> routes(int from, int to) const;

  static Topology scale_out_plane(const ClosShape& shape);
  static Topology scale_up_domain(const HardwareProfile& profile, Count devices);

 private:
  struct Graph;
  explicit Topology(std::unique_ptr<Graph> graph);
  std::unique_ptr<Graph> graph_;
};

}  // namespace windtunnel::modeling
