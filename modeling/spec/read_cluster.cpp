// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <limits>

#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

void read_peaks(YamlReader block, DeviceOverride& figures) {
  for (int precision = 0; precision < kPrecisions; ++precision) {
    figures.peak_flop_per_s[precision] =
        optional_positive(block, to_string(static_cast<Precision>(precision)), Dimension::kFlopPerSecond);
  }
  block.finish();
}

DeviceOverride read_device_figures(YamlReader& cluster) {
  DeviceOverride figures;
  if (const auto compute = cluster.find("compute")) {
    YamlReader block = compute->map();
    if (const auto peak = block.find("peak")) read_peaks(peak->map(), figures);
    block.finish();
  }
  if (const auto memory = cluster.find("memory")) {
    YamlReader block = memory->map();
    figures.memory_bandwidth_bytes_per_s = optional_positive(block, "bandwidth", Dimension::kBytesPerSecond);
    figures.memory_capacity_bytes = optional_positive(block, "capacity", Dimension::kBytes);
    block.finish();
  }
  return figures;
}

TierOverride read_tier(YamlReader& cluster, std::string_view key) {
  const auto value = cluster.find(key);
  if (!value) return {};
  YamlReader block = value->map();
  TierOverride tier;
  tier.bandwidth_bytes_per_s = optional_positive(block, "bandwidth", Dimension::kBytesPerSecond);
  tier.latency_s = block.optional_quantity("latency", Dimension::kTime);
  block.finish();
  return tier;
}

std::string read_topology(const YamlValue& value) {
  static const Choices<std::string> topologies = {{"rail_optimized_fat_tree", "rail_optimized_fat_tree"},
                                                  {"fat_tree", "fat_tree"},
                                                  {"dual_tor", "dual_tor"},
                                                  {"torus", "torus"},
                                                  {"two_tier", "two_tier"}};
  return read_choice(value, topologies);
}

std::string read_routing(const YamlValue& value) {
  static const Choices<std::string> routings = {{"ecmp", "ecmp"}, {"adaptive", "adaptive"}};
  return read_choice(value, routings);
}

bool read_scattered(const YamlValue& value) {
  static const Choices<bool> placements = {{"packed", false}, {"scattered", true}};
  return read_choice(value, placements);
}

FabricOverride read_fabric(YamlReader& cluster) {
  const auto value = cluster.find("fabric");
  if (!value) return {};
  YamlReader block = value->map();
  FabricOverride fabric;
  if (const auto topology = block.find("topology")) fabric.topology = read_topology(*topology);
  fabric.oversubscription = block.optional_number("oversubscription", 1.0, 1000.0);
  fabric.rails = block.optional_count("rails", 1, 1024);
  if (const auto routing = block.find("routing")) fabric.routing = read_routing(*routing);
  fabric.flows_per_pair = block.optional_count("flows_per_pair", 1, 1024);
  fabric.leaf_devices = block.optional_count("leaf_devices", 1, kMostDevices);
  fabric.pod_devices = block.optional_count("pod_devices", 1, kMostDevices);
  fabric.pod_oversubscription = block.optional_number("pod_oversubscription", 1.0, 1000.0);
  if (const auto placement = block.find("placement")) fabric.scattered = read_scattered(*placement);
  block.finish();
  return fabric;
}

JitterOverride read_jitter(YamlReader& cluster) {
  const auto value = cluster.find("jitter");
  if (!value) return {};
  YamlReader block = value->map();
  JitterOverride jitter;
  jitter.operator_cv = block.optional_number("operator_cv", 0.0, kMostSpread);
  jitter.device_cv = block.optional_number("device_cv", 0.0, kMostSpread);
  jitter.pause_rate_per_s = block.optional_quantity("pause_rate", Dimension::kRate);
  if (const auto time = block.find("pause_time")) jitter.pause_time = read_duration(*time);
  jitter.stall_rate_per_s = block.optional_quantity("stall_rate", Dimension::kRate);
  if (const auto time = block.find("stall_time")) jitter.stall_time = read_duration(*time);
  block.finish();
  return jitter;
}

// A name of a shipped profile stays as it is; anything with a slash or a YAML ending is a file beside the spec.
std::string read_device(const YamlValue& value) {
  const std::string device = value.text();
  if (device.empty()) value.fail("found an empty text, expected the name of a device");
  const bool is_file = device.find('/') != std::string::npos || std::filesystem::path(device).extension() == ".yaml";
  return is_file ? resolved_path(value) : device;
}

}  // namespace

Cluster read_cluster(YamlReader block) {
  Cluster cluster;
  const YamlValue device = block.require("device");
  cluster.device = read_device(device);
  cluster.device_location = device.location();
  cluster.num_devices = block.count("num_devices", 1, kMostDevices);
  cluster.devices_per_node = block.optional_count("devices_per_node", 1, kMostDevices);
  cluster.figures = read_device_figures(block);
  cluster.scale_up = read_tier(block, "scale_up");
  cluster.scale_out = read_tier(block, "scale_out");
  cluster.fabric = read_fabric(block);
  cluster.software = block.text("software", "");
  cluster.jitter = read_jitter(block);
  block.finish();
  return cluster;
}

}  // namespace windtunnel::modeling
