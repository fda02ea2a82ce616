// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/machine.h"

#include "modeling/cluster/read_profile.h"

namespace windtunnel::modeling {

namespace {

/// A figure the spec states itself.
void override_figure(Figure& figure, const std::optional<double>& value) {
  if (value) figure = {.value = *value, .evidence = Evidence::kAssumed, .source = "spec"};
}

void override_device(HardwareProfile& profile, const DeviceOverride& wanted) {
  for (int precision = 0; precision < kPrecisions; ++precision) {
    if (!wanted.peak_flop_per_s[precision]) continue;
    std::optional<Figure>& peak = profile.compute.peak_flop_per_s[precision];
    if (!peak) peak.emplace();
    override_figure(*peak, wanted.peak_flop_per_s[precision]);
  }
  override_figure(profile.memory.bandwidth_bytes_per_s, wanted.memory_bandwidth_bytes_per_s);
  override_figure(profile.memory.capacity_bytes, wanted.memory_capacity_bytes);
}

void override_tier(NetworkTier& tier, const TierOverride& wanted) {
  override_figure(tier.bandwidth_bytes_per_s, wanted.bandwidth_bytes_per_s);
  override_figure(tier.latency_s, wanted.latency_s);
}

void override_fabric(Fabric& fabric, const FabricOverride& wanted) {
  if (wanted.topology) fabric.topology = *wanted.topology;
  override_figure(fabric.oversubscription, wanted.oversubscription);
  const auto override_count = [](Figure& figure, const std::optional<Count>& count) {
    if (count) override_figure(figure, static_cast<double>(*count));
  };
  override_count(fabric.rails, wanted.rails);
  override_count(fabric.flows_per_pair, wanted.flows_per_pair);
  override_count(fabric.leaf_devices, wanted.leaf_devices);
  override_count(fabric.pod_devices, wanted.pod_devices);
  override_figure(fabric.pod_oversubscription, wanted.pod_oversubscription);
  if (wanted.routing) fabric.routing = *wanted.routing;
  fabric.scattered = wanted.scattered;
}

void override_jitter(Jitter& jitter, const JitterOverride& wanted) {
  override_figure(jitter.operator_cv, wanted.operator_cv);
  override_figure(jitter.device_cv, wanted.device_cv);
  override_figure(jitter.pause_rate_per_s, wanted.pause_rate_per_s);
  if (wanted.pause_time) {
    override_figure(jitter.pause_time_s, wanted.pause_time->mean_s);
    override_figure(jitter.pause_scv, wanted.pause_time->scv);
  }
  override_figure(jitter.stall_rate_per_s, wanted.stall_rate_per_s);
  if (!wanted.stall_time) return;
  override_figure(jitter.stall_time_s, wanted.stall_time->mean_s);
  override_figure(jitter.stall_scv, wanted.stall_time->scv);
}

void apply_overrides(HardwareProfile& profile, const Cluster& cluster) {
  if (cluster.devices_per_node) {
    // On boards whose scale-up domain is the node, a smaller node is a smaller domain.
    if (profile.scale_up_domain_devices == profile.devices_per_node)
      profile.scale_up_domain_devices = *cluster.devices_per_node;
    profile.devices_per_node = *cluster.devices_per_node;
  }
  override_device(profile, cluster.figures);
  override_tier(profile.scale_up, cluster.scale_up);
  override_tier(profile.scale_out, cluster.scale_out);
  override_fabric(profile.fabric, cluster.fabric);
  override_jitter(profile.jitter, cluster.jitter);
}

}  // namespace

Machine load_machine(const Cluster& cluster, Study study, std::vector<std::string>& warnings) {
  Machine machine;
  machine.profile = load_hardware_profile(cluster);
  const std::string& habit =
      study == Study::kServing ? machine.profile.default_serving_software : machine.profile.default_training_software;
  machine.software = load_software(machine.profile, cluster.software.empty() ? habit : cluster.software, warnings);
  apply_overrides(machine.profile, cluster);
  return machine;
}

}  // namespace windtunnel::modeling
