// SPDX-License-Identifier: Apache-2.0
// How crowded each tier of the network is, and how often it is jammed.
#pragma once

#include "modeling/report/report.h"
#include "modeling/studies/training/training.h"

namespace windtunnel::modeling {

/// A link solution averaged over the levels of congestion; chain records are those of the least congested level.
LinkSolution average_link(const CoupledStep& coupled, bool scale_up);

/// Per tier `link_utilization_ratio`, `congestion_slowdown_ratio`, `congestion_probability`. scale_up and scale_out are
/// the device's ports with all that slows traffic behind them; leaf_uplink and spine_uplink what those links alone do.
Breakdown network_breakdown(const CoupledStep& coupled);

/// The switches: leaves, links, the load of the fullest leaf, and the law of the slowest flow's slowdown when all
/// classes that cross uplinks send at once. Empty when one leaf holds the job.
Breakdown fabric_breakdown(const CoupledStep& coupled);

/// Sentences about approximations that this fabric stretches.
std::vector<std::string> fabric_warnings(const CoupledStep& coupled, const Machine& machine);

}  // namespace windtunnel::modeling
