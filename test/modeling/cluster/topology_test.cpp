// SPDX-License-Identifier: Apache-2.0
// The network graph: sizes, routes, capacities, and rank arithmetic against routes link by link.
#include <map>
#include <numeric>

#include "modeling/cluster/fabric_load.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel::modeling;

namespace {

HardwareProfile rail_profile(double oversubscription) {
  HardwareProfile profile = small_machine().profile;
  profile.fabric.topology = "rail_optimized_fat_tree";
  profile.fabric.rails = figure(8);
  profile.fabric.leaf_devices = figure(16);
  profile.fabric.oversubscription = figure(oversubscription);
  return profile;
}

FabricClasses one_class(CommGroup group, TrafficPattern pattern, Count size, Count local, Count stride) {
  FabricClasses classes;
  classes[static_cast<int>(group)] = {pattern,
                                      {.size = size, .local = local, .domains = size / local, .stride = stride}};
  return classes;
}

/// Load of every link when each flow spreads evenly over its shortest paths.
std::vector<double> link_loads(const Topology& topology, const std::vector<PortFlow>& flows) {
  std::vector<double> load(topology.links().size(), 0.0);
  for (const PortFlow& flow : flows) {
    const auto routes = topology.routes(flow.from, flow.to);
    for (const auto& route : routes) {
      for (int link : route) load[link] += flow.weight / static_cast<double>(routes.size());
    }
  }
  return load;
}

}  // namespace

TEST_CASE("a leaf-spine plane has the switches, links and routes of its shape", "[cluster][topology]") {
  // 1,024 devices on 8 rails: 128 ports, 8 leaves of 16, 4 spines at oversubscription 4.
  const ClosShape shape = scale_out_shape(rail_profile(4.0), 1024);
  CHECK(shape.ports == 128);
  CHECK(shape.leaves == 8);
  CHECK(shape.uplinks == 4);
  const Topology topology = Topology::scale_out_plane(shape);
  CHECK(topology.ports() == 128);
  CHECK(topology.switches() == 12);
  CHECK(topology.links().size() == 2 * (128 + 8 * 4));
  CHECK(topology.routes(0, 15).size() == 1);  // below one leaf
  CHECK(topology.routes(0, 16).size() == 4);  // over any spine
  CHECK(topology.routes(0, 16).front().size() == 4);
  CHECK(topology.routes(3, 3).front().empty());
}

TEST_CASE("pods meet in a third tier with its own oversubscription", "[cluster][topology]") {
  HardwareProfile profile = rail_profile(1.0);
  profile.fabric.pod_devices = figure(256);
  profile.fabric.pod_oversubscription = figure(2);
  const ClosShape shape = scale_out_shape(profile, 1024);
  CHECK(shape.pods == 4);
  CHECK(shape.leaves_per_pod == 2);
  CHECK(shape.spine_uplinks == 1);
  const Topology topology = Topology::scale_out_plane(shape);
  CHECK(topology.routes(0, 16).size() == 16);  // same pod: one of 16 spines
  CHECK(topology.routes(0, 32).size() == 16);  // another pod: one third-tier switch per spine
  CHECK(topology.routes(0, 32).front().size() == 6);
}

TEST_CASE("oversubscription that is no whole number keeps its capacity", "[cluster][topology]") {
  const ClosShape shape = scale_out_shape(rail_profile(3.0), 1024);
  CHECK(static_cast<double>(shape.uplinks) * shape.uplink_capacity == Approx(16.0 / 3.0));
}

TEST_CASE("NVL72 and CloudMatrix domains", "[cluster][topology]") {
  HardwareProfile profile = small_machine().profile;
  const Topology star = Topology::scale_up_domain(profile, 72);
  CHECK(star.switches() == 1);
  CHECK(star.routes(0, 71).front().size() == 2);
  profile.fabric.topology = "two_tier";
  profile.fabric.rails = figure(7);
  const Topology two_tier = Topology::scale_up_domain(profile, 384);
  CHECK(two_tier.switches() == 48 + 7);
  CHECK(two_tier.routes(0, 7).size() == 1);
  CHECK(two_tier.routes(0, 8).size() == 7);
  // Non-blocking: seven planes carry the eight devices of a node.
  double up = 0.0;
  for (const FabricLink& link : two_tier.links())
    up += link.tier == FabricTier::kScaleUpUplink && link.up ? link.capacity : 0.0;
  CHECK(up == Approx(384.0));
}

TEST_CASE("a torus goes the shorter way round; uniform all-to-all loads its links by the mean distance",
          "[cluster][topology]") {
  CHECK(torus_shape(64, 8960) == std::vector<Count>{4, 4, 4});
  CHECK(torus_shape(256, 256) == std::vector<Count>{16, 16});
  HardwareProfile profile = small_machine().profile;
  profile.fabric.topology = "torus";
  profile.scale_up_domain_devices = 256;
  const Topology torus = Topology::scale_up_domain(profile, 16);  // 4 x 4
  CHECK(torus.links().size() == 16 * 4);
  CHECK(torus.routes(0, 1).front().size() == 1);
  CHECK(torus.routes(0, 2).size() == 2);   // two ways round a side of four
  CHECK(torus.routes(0, 10).size() == 4);  // two in each dimension
  std::vector<PortFlow> flows;
  for (int from = 0; from < 16; ++from) {
    for (int to = 0; to < 16; ++to) {
      if (from != to) flows.push_back({from, to, 1.0 / 15.0});
    }
  }
  // Mean hops to the 15 others: 2 dimensions x (1 + 2 + 1) x 4 / 15 = 32 / 15; four links of a quarter port each.
  for (double load : link_loads(torus, flows)) CHECK(load == Approx(32.0 / 15.0 / 4.0));
}

TEST_CASE("the slowdown of an all-to-all on a torus is the load of its fullest link", "[cluster][topology]") {
  HardwareProfile profile = small_machine().profile;
  profile.fabric.topology = "torus";
  const auto [devices, domain] =
      GENERATE(table<Count, Count>({{2, 256}, {4, 256}, {16, 256}, {32, 256}, {48, 256}, {64, 8960}, {128, 8960}}));
  profile.scale_up_domain_devices = domain;
  const Topology torus = Topology::scale_up_domain(profile, devices);
  std::vector<PortFlow> flows;
  for (int from = 0; from < devices; ++from) {
    for (int to = 0; to < devices; ++to) {
      if (from != to) flows.push_back({from, to, 1.0 / static_cast<double>(devices - 1)});
    }
  }
  const std::vector<double> load = link_loads(torus, flows);
  double fullest = 0.0;
  for (std::size_t link = 0; link < load.size(); ++link)
    fullest = std::max(fullest, load[link] / torus.links()[link].capacity);
  INFO(devices);
  CHECK(torus_all_to_all_slowdown(torus_shape(devices, domain)) == Approx(fullest).epsilon(1e-12));
}

TEST_CASE("rank arithmetic gives the loads that routing every flow on the graph gives", "[cluster][fabric]") {
  const HardwareProfile profile = rail_profile(4.0);
  const auto [pattern, size, local, stride] = GENERATE(
      // data parallel beside tensor 8: rings over neighbouring nodes; then every fourth node
      std::tuple{TrafficPattern::kRing, Count{128}, Count{1}, Count{8}},
      std::tuple{TrafficPattern::kRing, Count{32}, Count{1}, Count{32}},
      // groups that fill nodes; experts over 32 nodes and over 4
      std::tuple{TrafficPattern::kRing, Count{1024}, Count{8}, Count{1}},
      std::tuple{TrafficPattern::kAllToAll, Count{256}, Count{8}, Count{1}},
      std::tuple{TrafficPattern::kAllToAll, Count{32}, Count{8}, Count{1}},
      std::tuple{TrafficPattern::kPipeline, Count{4}, Count{1}, Count{256}});
  const FabricClasses classes = one_class(CommGroup::kData, pattern, size, local, stride);
  const FabricLoad load = fabric_load(profile, 1024, classes);
  const Topology topology = Topology::scale_out_plane(load.shape);
  const int data = static_cast<int>(CommGroup::kData);
  const std::vector<double> links = link_loads(topology, port_flows(classes[data], profile.fabric, load.shape));
  std::map<double, double> graph;  // load of a leaf -> leaves
  std::map<int, double> leaf_load;
  int number = 0;
  for (std::size_t link = 0; link < links.size(); ++link) {
    if (topology.links()[link].tier != FabricTier::kLeafUplink || !topology.links()[link].up) continue;
    leaf_load[number++ / static_cast<int>(load.shape.uplinks)] += links[link];
  }
  for (const auto& [leaf, sum] : leaf_load) graph[std::round(sum * 1e9) / 1e9] += 1.0;
  std::map<double, double> arithmetic;
  REQUIRE(load.tiers.size() == 1);
  for (const UplinkBundle& bundle : load.tiers.front().bundles)
    arithmetic[std::round(bundle.load[data] * 1e9) / 1e9] += bundle.count;
  CHECK(graph == arithmetic);
}

TEST_CASE("a packed ring crosses a leaf once, whatever the oversubscription", "[cluster][fabric]") {
  const FabricLoad load =
      fabric_load(rail_profile(4.0), 1024, one_class(CommGroup::kData, TrafficPattern::kRing, 128, 1, 8));
  REQUIRE(load.tiers.size() == 1);
  REQUIRE(load.tiers.front().bundles.size() == 1);
  CHECK(load.tiers.front().bundles.front().load[static_cast<int>(CommGroup::kData)] == 1.0);
}
