// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/read_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "modeling/cluster/read_figure.h"
#include "modeling/spec/data_files.h"
#include "modeling/spec/nearest_name.h"
#include "modeling/spec/read_blocks.h"
#include "modeling/spec/remembered_files.h"

namespace windtunnel::modeling {
namespace {

constexpr const char* kFolder = "hardware_profiles/devices";
constexpr double kLargestWidth = 1e9;

std::vector<Precision> all_precisions() {
  std::vector<Precision> all;
  for (int i = 0; i < kPrecisions; ++i) all.push_back(static_cast<Precision>(i));
  return all;
}

std::optional<Figure> read_held_out_error(YamlReader& block, const FigureReader& figures) {
  if (!block.has("held_out_error")) return std::nullopt;
  return figures.ratio(block, "held_out_error");
}

GroupedEfficiency read_grouped(YamlReader block, const FigureReader& figures) {
  GroupedEfficiency grouped;
  grouped.rate_ratio = figures.ratio(block, "rate_ratio");
  grouped.group_s = figures.quantity(block, "group", Dimension::kTime, true);
  grouped.held_out_error = read_held_out_error(block, figures);
  block.finish();
  return grouped;
}

GemmEfficiency read_gemm(YamlReader block, const FigureReader& figures) {
  GemmEfficiency gemm;
  gemm.compute_ratio = figures.ratio(block, "compute_ratio");
  gemm.memory_ratio = figures.ratio(block, "memory_ratio");
  gemm.floor_s = figures.quantity(block, "floor", Dimension::kTime, true);
  gemm.half_depth = figures.number(block, "half_depth", 0.0, kLargestWidth);
  gemm.held_out_error = read_held_out_error(block, figures);
  block.finish();
  return gemm;
}

AttentionEfficiency read_attention(YamlReader block, const FigureReader& figures) {
  AttentionEfficiency attention;
  attention.forward_compute_ratio = figures.ratio(block, "forward_compute_ratio");
  attention.backward_compute_ratio = figures.ratio(block, "backward_compute_ratio");
  attention.half_length = figures.number(block, "half_length", 0.0, kLargestWidth);
  attention.held_out_error = read_held_out_error(block, figures);
  block.finish();
  return attention;
}

void read_peaks(YamlReader block, const FigureReader& figures, DeviceCompute& compute) {
  for (const Precision precision : all_precisions()) {
    const std::string name = to_string(precision);
    const auto index = static_cast<std::size_t>(precision);
    if (block.has(name)) compute.peak_flop_per_s[index] = figures.quantity(block, name, Dimension::kFlopPerSecond);
  }
  block.finish();
}

void read_gemms(YamlReader block, const FigureReader& figures, DeviceCompute& compute) {
  for (const Precision precision : all_precisions()) {
    const auto value = block.find(to_string(precision));
    if (value) compute.gemm[static_cast<std::size_t>(precision)] = read_gemm(value->map(), figures);
  }
  block.finish();
}

DeviceCompute read_compute(YamlReader block, const FigureReader& figures) {
  DeviceCompute compute;
  read_peaks(block.map("peak"), figures, compute);
  compute.sustained_ratio = figures.ratio(block, "sustained_ratio");
  compute.multiprocessors = figures.number(block, "multiprocessors", 1.0, kLargestWidth);
  compute.tile_rows = figures.number(block, "tile_rows", 1.0, kLargestWidth);
  compute.tile_columns = figures.number(block, "tile_columns", 1.0, kLargestWidth);
  read_gemms(block.map("gemm"), figures, compute);
  compute.attention = read_attention(block.map("attention"), figures);
  if (const auto grouped = block.find("grouped")) compute.grouped = read_grouped(grouped->map(), figures);
  block.finish();
  return compute;
}

DeviceMemory read_memory(YamlReader block, const FigureReader& figures) {
  DeviceMemory memory;
  memory.capacity_bytes = figures.quantity(block, "capacity", Dimension::kBytes);
  memory.bandwidth_bytes_per_s = figures.quantity(block, "bandwidth", Dimension::kBytesPerSecond);
  memory.stream_ratio = figures.ratio(block, "stream_ratio");
  memory.reserved_bytes = figures.quantity(block, "reserved", Dimension::kBytes, true);
  block.finish();
  return memory;
}

ServingKernels read_serving_kernels(YamlReader block, const FigureReader& figures) {
  ServingKernels kernels;
  YamlReader decode = block.map("decode_attention");
  kernels.decode_memory_ratio = figures.ratio(decode, "memory_ratio");
  kernels.decode_floor_s = figures.quantity(decode, "floor", Dimension::kTime, true);
  kernels.decode_ramp_s = figures.quantity(decode, "ramp", Dimension::kTime, true);
  kernels.latent_compute_ratio = figures.ratio(decode, "latent_compute_ratio");
  decode.finish();
  YamlReader all_reduce = block.map("all_reduce");
  kernels.one_shot_latency_s = figures.quantity(all_reduce, "one_shot_latency", Dimension::kTime, true);
  kernels.one_shot_ratio = figures.ratio(all_reduce, "one_shot_ratio");
  kernels.two_shot_latency_s = figures.quantity(all_reduce, "two_shot_latency", Dimension::kTime, true);
  kernels.two_shot_ratio = figures.ratio(all_reduce, "two_shot_ratio");
  all_reduce.finish();
  block.finish();
  return kernels;
}

std::vector<RateKnot> read_curve(const YamlValue& value, const FigureReader& figures) {
  std::vector<RateKnot> curve;
  for (const YamlValue& item : value.list()) {
    YamlReader knot = item.map();
    curve.push_back({.message_bytes = knot.require("message").positive_quantity(Dimension::kBytes),
                     .ratio = figures.number(knot, "ratio", 1e-9, 4.0)});
    knot.finish();
    const bool ascends = curve.size() < 2 || curve[curve.size() - 2].message_bytes < curve.back().message_bytes;
    if (!ascends) item.fail("message sizes of a curve must ascend");
  }
  if (curve.empty()) value.fail("a curve needs at least one message size");
  return curve;
}

void read_rate_curves(YamlReader& tier_block, const FigureReader& figures, NetworkTier& tier) {
  static const Choices<Collective> kinds = {{"all_reduce", Collective::kAllReduce},
                                            {"all_gather", Collective::kAllGather},
                                            {"reduce_scatter", Collective::kReduceScatter},
                                            {"all_to_all", Collective::kAllToAll},
                                            {"point_to_point", Collective::kPointToPoint}};
  const auto value = tier_block.find("rate_curves");
  if (!value) return;
  YamlReader block = value->map();
  for (const auto& [name, kind] : kinds) {
    if (const auto curve = block.find(name)) tier.rate_curves[kind] = read_curve(*curve, figures);
  }
  block.finish();
}

std::optional<Host> read_host(YamlReader& node, const FigureReader& figures) {
  if (!node.has("host_link") && !node.has("host_memory_bandwidth")) return std::nullopt;
  return Host{
      .link_bytes_per_s = figures.quantity(node, "host_link", Dimension::kBytesPerSecond),
      .memory_bandwidth_bytes_per_s = figures.quantity(node, "host_memory_bandwidth", Dimension::kBytesPerSecond)};
}

NetworkTier read_tier(YamlReader& block, const FigureReader& figures) {
  NetworkTier tier;
  tier.technology = block.text("technology");
  tier.bandwidth_bytes_per_s = figures.quantity(block, "bandwidth", Dimension::kBytesPerSecond);
  tier.latency_s = figures.quantity(block, "latency", Dimension::kTime, true);
  tier.efficiency_ratio = figures.ratio(block, "efficiency_ratio");
  tier.half_message_bytes = figures.quantity(block, "half_message", Dimension::kBytes, true);
  tier.in_network_reduction = figures.ratio(block, "in_network_reduction");
  read_rate_curves(block, figures, tier);
  return tier;
}

void read_tiers(YamlReader& top, const FigureReader& figures, HardwareProfile& profile) {
  YamlReader scale_up = top.map("scale_up");
  profile.scale_up_domain_devices = scale_up.count("domain_devices", 1, kMostDevices);
  profile.scale_up = read_tier(scale_up, figures);
  scale_up.finish();
  YamlReader scale_out = top.map("scale_out");
  profile.scale_out = read_tier(scale_out, figures);
  scale_out.finish();
}

Fabric read_fabric(YamlReader block, const FigureReader& figures) {
  static const Choices<std::string> topologies = {{"rail_optimized_fat_tree", "rail_optimized_fat_tree"},
                                                  {"fat_tree", "fat_tree"},
                                                  {"dual_tor", "dual_tor"},
                                                  {"torus", "torus"},
                                                  {"two_tier", "two_tier"}};
  Fabric fabric;
  fabric.topology = read_choice(block.require("topology"), topologies);
  fabric.oversubscription = figures.number(block, "oversubscription", 1.0, 1000.0);
  fabric.rails = figures.number(block, "rails", 1.0, 1024.0);
  fabric.leaf_devices = figures.number(block, "leaf_devices", 1.0, kLargestWidth);
  static const Choices<std::string> routings = {{"ecmp", "ecmp"}, {"adaptive", "adaptive"}};
  fabric.routing = read_choice(block.require("routing"), routings);
  fabric.flows_per_pair = figures.number(block, "flows_per_pair", 1.0, 1024.0);
  block.finish();
  return fabric;
}

std::vector<ComponentState> read_states(const YamlValue& list) {
  std::vector<ComponentState> states;
  for (const YamlValue& value : list.list()) {
    YamlReader block = value.map();
    states.push_back({block.text("name"), block.require("speed").number(0.0, 1.0)});
    block.finish();
  }
  if (states.empty()) list.fail("found no states, expected at least one");
  return states;
}

std::string read_state_name(YamlReader& block, std::string_view key, const std::vector<ComponentState>& states) {
  Choices<std::string> names;
  for (const ComponentState& state : states) names.emplace_back(state.name, state.name);
  return read_choice(block.require(key), names);
}

ComponentTransition read_transition(YamlReader block, const std::vector<ComponentState>& states,
                                    const FigureReader& figures) {
  ComponentTransition transition;
  transition.from = read_state_name(block, "from", states);
  transition.to = read_state_name(block, "to", states);
  transition.rate_per_s = figures.rate(block, "rate");
  block.finish();
  return transition;
}

Component read_component(const std::string& kind, YamlReader block, const FigureReader& figures) {
  static const Choices<std::string> levels = {
      {"component", "component"}, {"node", "node"}, {"domain", "domain"}, {"job", "job"}};
  Component component;
  component.kind = kind;
  component.level = read_choice(block.require("level"), levels);
  component.per_level = figures.number(block, "per_level", 0.0, kLargestWidth);
  if (block.has("of_devices")) component.of_devices = figures.number(block, "of_devices", 1.0, kLargestWidth);
  component.states = read_states(block.require("states"));
  for (const YamlValue& transition : block.require("transitions").list()) {
    component.transitions.push_back(read_transition(transition.map(), component.states, figures));
  }
  block.finish();
  return component;
}

std::vector<Component> read_components(YamlReader block, const FigureReader& figures) {
  std::vector<Component> components;
  for (const std::string& kind : component_kinds()) {
    if (const auto value = block.find(kind)) components.push_back(read_component(kind, value->map(), figures));
  }
  block.finish();
  return components;
}

Jitter read_jitter(YamlReader block, const FigureReader& figures) {
  Jitter jitter;
  jitter.operator_cv = figures.number(block, "operator_cv", 0.0, kLargestWidth);
  jitter.device_cv = figures.number(block, "device_cv", 0.0, kLargestWidth);
  jitter.pause_rate_per_s = figures.quantity(block, "pause_rate", Dimension::kRate, true);
  jitter.pause_time_s = figures.quantity(block, "pause_time", Dimension::kTime, true);
  jitter.stall_rate_per_s = figures.quantity(block, "stall_rate", Dimension::kRate, true);
  jitter.stall_time_s = figures.quantity(block, "stall_time", Dimension::kTime, true);
  jitter.stall_scv = figures.number(block, "stall_scv", 0.0, kLargestWidth);
  block.finish();
  return jitter;
}

void read_identity(YamlReader& top, HardwareProfile& profile) {
  profile.name = top.text("name");
  profile.vendor = top.text("vendor");
  profile.architecture = top.text("architecture");
  profile.description = top.text("description");
  YamlReader software = top.map("default_software");
  profile.default_training_software = software.text("training");
  profile.default_serving_software = software.text("serving");
  software.finish();
}

HardwareProfile read_profile(const std::string& file) {
  YamlReader top = YamlDocument::load(file).root().map();
  HardwareProfile profile;
  read_identity(top, profile);
  profile.sources = read_sources(top.map("sources"));
  const FigureReader figures(profile.sources);
  profile.compute = read_compute(top.map("compute"), figures);
  profile.memory = read_memory(top.map("memory"), figures);
  if (const auto serving = top.find("serving")) profile.serving = read_serving_kernels(serving->map(), figures);
  YamlReader node = top.map("node");
  profile.devices_per_node = node.count("devices", 1, kMostDevices);
  profile.host = read_host(node, figures);
  node.finish();
  read_tiers(top, figures, profile);
  profile.fabric = read_fabric(top.map("fabric"), figures);
  profile.components = read_components(top.map("components"), figures);
  profile.jitter = read_jitter(top.map("jitter"), figures);
  top.finish();
  return profile;
}

bool is_file_name(const std::string& device) {
  return device.find('/') != std::string::npos || std::filesystem::path(device).extension() == ".yaml";
}

std::string file_of(const std::string& device, const SourceLocation& location) {
  if (is_file_name(device)) return device;
  if (const auto file = find_data_file(kFolder, device)) return file->string();
  throw SpecError(location, "unknown device " + in_quotes(device) + suggestion(device, hardware_profile_names()));
}

}  // namespace

HardwareProfile load_hardware_profile(const Cluster& cluster) {
  static RememberedFiles<HardwareProfile> profiles;
  return *profiles.get(file_of(cluster.device, cluster.device_location), read_profile);
}

std::string hardware_profile_file(const std::string& name) {
  return file_of(name, {"profiles", 0, 0});
}

std::vector<std::string> hardware_profile_names() {
  return data_names(kFolder);
}

}  // namespace windtunnel::modeling
