// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/collective_cost.h"

#include <algorithm>
#include <cmath>

#include "modeling/cluster/topology.h"

namespace windtunnel::modeling {

namespace {

/// Linear in the logarithm of the size between two knots, constant beyond the last, proportional to the size below
/// the first (a message too small for its bytes to matter takes the time of the first knot).
double ratio_on_curve(const std::vector<RateKnot>& curve, double message_bytes) {
  if (message_bytes <= curve.front().message_bytes)
    return curve.front().ratio.value * message_bytes / curve.front().message_bytes;
  for (std::size_t knot = 1; knot < curve.size(); ++knot) {
    const RateKnot& low = curve[knot - 1];
    const RateKnot& high = curve[knot];
    if (message_bytes > high.message_bytes) continue;
    const double share = std::log(message_bytes / low.message_bytes) / std::log(high.message_bytes / low.message_bytes);
    return low.ratio.value + share * (high.ratio.value - low.ratio.value);
  }
  return curve.back().ratio.value;
}

/// Share of the bandwidth a message reaches: the measured curve, or a ramp.
double rate_ratio(Collective kind, double message_bytes, const NetworkTier& tier) {
  if (const auto curve = tier.rate_curves.find(kind); curve != tier.rate_curves.end())
    return ratio_on_curve(curve->second, message_bytes);
  return tier.efficiency_ratio.value * message_bytes / (message_bytes + tier.half_message_bytes.value);
}

/// Time to move `bytes` through one port of the tier as part of a message of `message_bytes`.
double port_time_s(Collective kind, double bytes, double message_bytes, const NetworkTier& tier) {
  if (bytes <= 0.0) return 0.0;
  return bytes / (tier.bandwidth_bytes_per_s.value * rate_ratio(kind, message_bytes, tier));
}

/// Bytes one member sends through each tier.
struct BytesSent {
  double scale_up_bytes = 0.0;
  double scale_out_bytes = 0.0;
};

double share_of_others(Count members) {
  return 1.0 - 1.0 / static_cast<double>(members);
}

/// Of the bytes of an all-to-all, the share that goes to the other `places` - 1 when each place needs one of `copies`
/// spread at random.
double share_that_leaves(Count places, double copies) {
  const double elsewhere = share_of_others(places);
  return static_cast<double>(places - 1) * (1.0 - std::pow(elsewhere, copies)) / copies;
}

/// A ring moves the message twice; reduction in the switch saves up to one of the two.
double all_reduce_factor(const NetworkTier& tier) {
  if (tier.rate_curves.count(Collective::kAllReduce) > 0) return 2.0;  // what switches save is inside the curve
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
      // Without copies every rank gets its own part. A token of several copies enters each domain once and goes on to
      // each of its ranks there once, whichever domain it came from.
      const double own_share = copies > 1.0 ? static_cast<double>(group.domains) : 1.0;
      const double inside_share =
          own_share * share_that_leaves(group.size, copies) * (local - 1.0) / static_cast<double>(group.size - 1);
      return {message_bytes * inside_share, message_bytes * share_that_leaves(group.domains, copies)};
    }
    case Collective::kPointToPoint:
      return group.local > 1 ? BytesSent{message_bytes, 0.0} : BytesSent{0.0, message_bytes};
  }
  return {};
}

/// What an all-to-all inside a domain loses to the links between its devices. [A] A group whose members lie apart is
/// taken as spread over the whole slice it reaches across.
double domain_all_to_all_slowdown(const GroupPlacement& group, const HardwareProfile& profile) {
  if (profile.fabric.topology != "torus" || group.local <= 1) return 1.0;
  const Count slice = std::min(group.local * group.stride, profile.scale_up_domain_devices);
  return torus_all_to_all_slowdown(torus_shape(slice, profile.scale_up_domain_devices));
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
  cost.scale_up_busy_s = port_time_s(kind, sent.scale_up_bytes, message_bytes, profile.scale_up);
  if (kind == Collective::kAllToAll) cost.scale_up_busy_s *= domain_all_to_all_slowdown(group, profile);
  cost.scale_out_busy_s = port_time_s(kind, sent.scale_out_bytes, message_bytes, profile.scale_out);
  cost.mean_s = latency_s(kind, group, profile) +
                std::max(slowdown.scale_up * cost.scale_up_busy_s, slowdown.scale_out * cost.scale_out_busy_s);
  return cost;
}

}  // namespace windtunnel::modeling
