// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/collective_cost.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Time to move `bytes` through one port of the tier as part of a message of `message_bytes`.
double port_time_s(double bytes, double message_bytes, const NetworkTier& tier) {
  if (bytes <= 0.0) return 0.0;
  const double ramp = message_bytes / (message_bytes + tier.half_message_bytes.value);
  return bytes / (tier.bandwidth_bytes_per_s.value * tier.efficiency_ratio.value * ramp);
}

/// Bytes one member sends through each tier.
struct BytesSent {
  double scale_up_bytes = 0.0;
  double scale_out_bytes = 0.0;
};

double share_of_others(Count members) {
  return 1.0 - 1.0 / static_cast<double>(members);
}

/// Of the bytes of an all-to-all, the share that goes to other domains when each domain needs one of `copies` at
/// random.
double share_that_leaves(Count domains, double copies) {
  const double elsewhere = share_of_others(domains);
  return static_cast<double>(domains - 1) * (1.0 - std::pow(elsewhere, copies)) / copies;
}

/// A ring moves the message twice; reduction in the switch saves up to one of the two.
double all_reduce_factor(const NetworkTier& tier) {
  return 2.0 - tier.in_network_reduction.value;
}

BytesSent bytes_sent(Collective kind, double message_bytes, const GroupPlacement& group, const HardwareProfile& profile,
                     double copies) {
  const double local = static_cast<double>(group.local);
  const double inside = message_bytes * share_of_others(group.local);
  const double between = message_bytes / local * share_of_others(group.domains);
  switch (kind) {
    case Collective::kAllReduce:
      return {all_reduce_factor(profile.scale_up) * inside, all_reduce_factor(profile.scale_out) * between};
    case Collective::kAllGather:
    case Collective::kReduceScatter:
      return {inside, between};
    case Collective::kAllToAll: {
      const double part = message_bytes / static_cast<double>(group.size);
      return {part * (local - 1.0), message_bytes * share_that_leaves(group.domains, copies)};
    }
    case Collective::kPointToPoint:
      return group.local > 1 ? BytesSent{message_bytes, 0.0} : BytesSent{0.0, message_bytes};
  }
  return {};
}

double tree_levels(Count members) {
  return std::ceil(std::log2(static_cast<double>(members)));
}

/// Latencies in a row: a tree up and down for all-reduce, once around the ring for all-gather and reduce-scatter
/// (inside every domain and once between them), one step of each tier for the others.
double latency_s(Collective kind, const GroupPlacement& group, const HardwareProfile& profile) {
  const double inside = profile.scale_up.latency_s.value;
  const double between = profile.scale_out.latency_s.value;
  const double local = static_cast<double>(group.local);
  const double domains = static_cast<double>(group.domains);
  switch (kind) {
    case Collective::kAllReduce:
      return 2.0 * (tree_levels(group.local) * inside + tree_levels(group.domains) * between);
    case Collective::kAllGather:
    case Collective::kReduceScatter:
      return domains * (local - 1.0) * inside + (domains - 1.0) * between;
    case Collective::kAllToAll:
      return (group.local > 1 ? inside : 0.0) + (group.domains > 1 ? between : 0.0);
    case Collective::kPointToPoint:
      return group.local > 1 ? inside : between;
  }
  return 0.0;
}

}  // namespace

CollectiveCost collective_cost(Collective kind, double message_bytes, const GroupPlacement& group,
                               const HardwareProfile& profile, const TierSlowdown& slowdown, double copies) {
  if (group.size <= 1 || message_bytes <= 0.0) return {};
  const BytesSent sent = bytes_sent(kind, message_bytes, group, profile, copies);
  CollectiveCost cost;
  cost.scale_up_busy_s = port_time_s(sent.scale_up_bytes, message_bytes, profile.scale_up);
  cost.scale_out_busy_s = port_time_s(sent.scale_out_bytes, message_bytes, profile.scale_out);
  cost.mean_s = latency_s(kind, group, profile) +
                std::max(slowdown.scale_up * cost.scale_up_busy_s, slowdown.scale_out * cost.scale_out_busy_s);
  return cost;
}

}  // namespace windtunnel::modeling
