// SPDX-License-Identifier: Apache-2.0
// The time of every operator of the graph on this machine: mean, variance, and what the device calls it.
#pragma once

#include <array>
#include <vector>

#include "modeling/cluster/machine.h"
#include "modeling/cluster/placement.h"
#include "modeling/costs/activity.h"
#include "modeling/costs/collective_cost.h"

namespace windtunnel::modeling {

/// Contention per traffic class; all 1 on an idle network.
using LinkSlowdowns = std::array<TierSlowdown, kCommGroups>;

struct OperatorTime {
  double mean_s = 0.0;
  double variance_s2 = 0.0;
  Activity activity = Activity::kCompute;
  /// Collectives only: uncontended port time of each tier.
  double scale_up_busy_s = 0.0;
  double scale_out_busy_s = 0.0;
};

/// One entry per vertex of the graph.
using ServiceTimes = std::vector<OperatorTime>;

/// Means from operator_cost and collective_cost; variances from the profile's operator_cv, independent each run.
ServiceTimes service_times(const OperatorGraph& graph, const Placement& placement, const Machine& machine,
                           const LinkSlowdowns& slowdowns);

/// The same with other slowdowns, to which kernels are blind: only collectives are timed again.
void retime_collectives(ServiceTimes& times, const OperatorGraph& graph, const Placement& placement,
                        const Machine& machine, const LinkSlowdowns& slowdowns);

/// Time of one operator, kernel or collective.
OperatorTime operator_time(const Operator& op, const Placement& placement, const Machine& machine,
                           const LinkSlowdowns& slowdowns);

/// Time of one hand-over of activations between neighbouring pipeline ranks.
OperatorTime pipeline_transfer(const Model& model, const Training& training, const Placement& placement,
                               const Machine& machine, const LinkSlowdowns& slowdowns);

}  // namespace windtunnel::modeling
