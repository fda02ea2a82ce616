// SPDX-License-Identifier: Apache-2.0
// The law of the slowest flow against flow simulation (max-min fair rates) on the network graph, at 10,240 devices.
#include <algorithm>
#include <numeric>

#include "modeling/chains/links/fabric_congestion.h"
#include "modeling/chains/links/link_chain.h"
#include "solvers/networks/max_min_flows.h"
#include "solvers/numerics/confidence.h"
#include "solvers/numerics/random.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel;
using namespace windtunnel::modeling;

namespace {

constexpr int kData = static_cast<int>(CommGroup::kData);

HardwareProfile cluster(double oversubscription, bool scattered) {
  HardwareProfile profile = small_machine().profile;
  profile.fabric = {.topology = "rail_optimized_fat_tree",
                    .oversubscription = figure(oversubscription),
                    .rails = figure(8),
                    .leaf_devices = figure(32),
                    .routing = "ecmp",
                    .flows_per_pair = figure(2),
                    .scattered = scattered};
  return profile;
}

FabricClass class_of(TrafficPattern pattern, Count size, Count stride) {
  return {pattern, {.size = size, .local = 1, .domains = size, .stride = stride}};
}

/// Flows of the class after the nodes were shuffled over the ports.
std::vector<PortFlow> shuffled(std::vector<PortFlow> flows, int ports, solvers::RandomSource& random) {
  std::vector<int> place(ports);
  std::iota(place.begin(), place.end(), 0);
  for (int k = ports - 1; k > 0; --k) std::swap(place[k], place[static_cast<int>(random.uniform() * (k + 1))]);
  for (PortFlow& flow : flows) flow = {place[flow.from], place[flow.to], flow.weight};
  return flows;
}

/// Every flow is split, every part takes a random shortest path.
std::vector<solvers::Flow> hashed(const Topology& topology, const std::vector<PortFlow>& flows, int parts,
                                  solvers::RandomSource& random) {
  std::vector<solvers::Flow> all;
  for (const PortFlow& flow : flows) {
    const auto routes = topology.routes(flow.from, flow.to);
    for (int part = 0; part < parts; ++part) {
      const auto pick = static_cast<std::size_t>(random.uniform() * static_cast<double>(routes.size()));
      all.push_back({routes[pick], flow.weight / parts});
    }
  }
  return all;
}

std::vector<double> capacities(const Topology& topology) {
  std::vector<double> capacity;
  for (const FabricLink& link : topology.links()) capacity.push_back(link.capacity);
  return capacity;
}

/// Time of one collective phase relative to an idle network: rates are max-min fair until the slowest part has ended.
double flow_simulation(const Topology& topology, const std::vector<solvers::Flow>& flows) {
  const std::vector<double> ends = solvers::completion_times(capacities(topology), flows);
  return *std::max_element(ends.begin(), ends.end());
}

/// The same for equal flows without playing it: the fullest link ends last (solvers/networks/max_min_flows.h).
double fullest_link(const Topology& topology, const std::vector<solvers::Flow>& flows) {
  std::vector<double> load(topology.links().size(), 0.0);
  for (const solvers::Flow& flow : flows) {
    for (int link : flow.links) load[link] += flow.amount / topology.links()[link].capacity;
  }
  return *std::max_element(load.begin(), load.end());
}

struct Agreement {
  double model = 1.0;
  solvers::Estimate simulated;
};

Agreement compare(const HardwareProfile& profile, const FabricClass& one, int samples) {
  FabricClasses classes;
  classes[kData] = one;
  const FabricLoad load = fabric_load(profile, 10240, classes);
  const int parts = static_cast<int>(profile.fabric.flows_per_pair.value);
  const Topology topology = Topology::scale_out_plane(load.shape);
  const std::vector<PortFlow> flows = port_flows(one, profile.fabric, load.shape);
  solvers::RandomSource random(17);
  std::vector<double> times;
  for (int sample = 0; sample < samples; ++sample) {
    const auto sent =
        hashed(topology, profile.fabric.scattered ? shuffled(flows, topology.ports(), random) : flows, parts, random);
    times.push_back(fullest_link(topology, sent));
    if (sample == 0) CHECK(flow_simulation(topology, sent) == Approx(times.back()));
  }
  return {slowdown_law(load.tiers.front(), 1u << kData, true, parts).mean(), solvers::mean_estimate(times, 0.99)};
}

}  // namespace

TEST_CASE("10,240 devices, hashed flows: the mean slowdown agrees with flow simulation within 5 %",
          "[chains][fabric][simulation]") {
  const double oversubscription = GENERATE(1.0, 2.0, 4.0);
  const bool scattered = GENERATE(true, false);
  CAPTURE(oversubscription, scattered);
  // Scattered: rings over nodes anywhere. Packed: hand-overs of a pipeline of 16 stages, 80 nodes apart.
  const FabricClass one =
      scattered ? class_of(TrafficPattern::kRing, 1280, 8) : class_of(TrafficPattern::kPipeline, 16, 640);
  const Agreement found = compare(cluster(oversubscription, scattered), one, 50);
  CAPTURE(found.model, found.simulated.value, found.simulated.low, found.simulated.high);
  CHECK(found.model == Approx(found.simulated.value).epsilon(0.05));
  CHECK(found.simulated.high - found.simulated.low < 0.1 * found.simulated.value);
  CHECK(found.model > oversubscription);
}

TEST_CASE("spread packets: the slowdown is load over capacity, and none at full capacity", "[chains][fabric]") {
  HardwareProfile profile = cluster(4.0, true);
  FabricClasses classes;
  classes[kData] = class_of(TrafficPattern::kRing, 1280, 8);
  const FabricLoad jammed = fabric_load(profile, 10240, classes);
  const SlowdownLaw law = slowdown_law(jammed.tiers.front(), 1u << kData, false, 2.0);
  REQUIRE(law.constant());
  CHECK(law.value.front() == Approx(4.0 * (1.0 - 31.0 / 1279.0)));
  profile.fabric.oversubscription = figure(1);
  CHECK(slowdown_law(fabric_load(profile, 10240, classes).tiers.front(), 1u << kData, false, 2.0).mean() == 1.0);
}

TEST_CASE("levels of congestion keep the mean of the law", "[chains][fabric]") {
  const HardwareProfile profile = cluster(2.0, true);
  FabricClasses classes;
  classes[kData] = class_of(TrafficPattern::kRing, 1280, 8);
  const FabricCongestion congestion(fabric_load(profile, 10240, classes), profile.fabric);
  REQUIRE(congestion.levels() > 1);
  double mean = 0.0;
  double probability = 0.0;
  for (int level = 0; level < congestion.levels(); ++level) {
    mean += congestion.probability(level) * congestion.slowdown(1u << kData, level);
    probability += congestion.probability(level);
    if (level > 0) CHECK(congestion.slowdown(1u << kData, level) >= congestion.slowdown(1u << kData, level - 1));
  }
  CHECK(probability == Approx(1.0));
  CHECK(mean == Approx(congestion.law(1u << kData).mean()));
  CHECK(congestion.slowdown(0, 0) == 1.0);
}

TEST_CASE("two classes on one uplink meet: the chain gives each the share of the set that sends", "[chains][link]") {
  HardwareProfile profile = cluster(4.0, true);
  profile.fabric.routing = "adaptive";
  FabricClasses classes;
  classes[kData] = class_of(TrafficPattern::kRing, 1280, 8);
  const FabricCongestion congestion(fabric_load(profile, 10240, classes), profile.fabric);
  LinkProblem problem{
      .name = "test", .classes = {{CommGroup::kData, true, 10.0, 0.1}}, .step_s = 1.0, .fabric = &congestion};
  const double factor = congestion.slowdown(1u << kData, 0);
  const LinkSolution alone = solve_link(problem);
  CHECK(alone.slowdown[kData] == Approx(factor));
  REQUIRE(alone.uplinks.size() == 1);
  CHECK(alone.uplinks.front().congestion_slowdown_ratio == Approx(factor));
  CHECK(alone.uplinks.front().congestion_probability == Approx(1.0));
  // A class that stays below its leaf is slowed by the port alone.
  problem.classes.push_back({CommGroup::kPipeline, true, 10.0, 0.1});
  const LinkSolution both = solve_link(problem);
  CHECK(both.slowdown[kData] == Approx(factor));
  CHECK(both.slowdown[static_cast<int>(CommGroup::kPipeline)] > 1.0);
  CHECK(both.slowdown[static_cast<int>(CommGroup::kPipeline)] < 2.0);
}
