// SPDX-License-Identifier: Apache-2.0
// A fixed number of requests: every completion lets the next one in.
#pragma once

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/simulation/simulation.h"

namespace windtunnel::modeling {

/// For ArrivalLaw::Kind::kClosed and kUnlimited; `resolution` as in solve_serving.
ServingAnswer solve_closed_loop(const ServingSystem& system, const RequestLimits& limits, double resolution);

}  // namespace windtunnel::modeling
