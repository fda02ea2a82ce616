// SPDX-License-Identifier: Apache-2.0
// How long a collective takes: per tier a number of latencies plus the bytes that cross the slowest link.
//
// A group with `local` members in each of `domains` scale-up domains works in two tiers at once, as ring and tree
// libraries do: inside a domain each member moves (local-1)/local of the message, between domains the `local`
// members share the message over their own network ports, (domains-1)/domains of it. The tiers are pipelined:
// the bytes cost the slower tier, the latencies add (a ring for all-gather and reduce-scatter, a tree for all-reduce).
//   all-reduce      twice the bytes of all-gather (once with reduction in the switch)
//   all-to-all      each member keeps 1/size, sends local-1 parts inside and the rest over its own port; of k copies of
//   one token,
//                   spread at random over D domains, (D-1)(1 - (1-1/D)^k) / k of the bytes leave when each domain needs
//                   only one
//                   inside a torus every byte takes several links: torus_all_to_all_slowdown times the port's time
//   point-to-point  the whole message once
// A tier may carry measured rates by message size (`rate_curves`), linear in the logarithm between sizes.
// Sources: Thakur, Rabenseifner, Gropp, IJHPCA 19(1), 2005; Patarasuk, Yuan, JPDC 69(2), 2009.
#pragma once

#include "modeling/cluster/hardware_profile.h"
#include "modeling/cluster/placement.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

/// Factors >= 1 by which contention stretches the bytes part of a tier; 1 alone on a healthy link.
struct TierSlowdown {
  double scale_up = 1.0;
  double scale_out = 1.0;
};

struct CollectiveCost {
  double mean_s = 0.0;
  /// Time the device's port of each tier is busy with the bytes, uncontended.
  double scale_up_busy_s = 0.0;
  double scale_out_busy_s = 0.0;
};

/// Time of one collective over `group`; `slowdown` is that of its traffic class. Zero for a group of one.
CollectiveCost collective_cost(Collective kind, double message_bytes, const GroupPlacement& group,
                               const HardwareProfile& profile, const TierSlowdown& slowdown = {}, double copies = 1.0);

}  // namespace windtunnel::modeling
