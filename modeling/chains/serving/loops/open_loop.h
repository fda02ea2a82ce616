// SPDX-License-Identifier: Apache-2.0
// Requests that come at a rate of their own to replicas that prefill and decode.
#pragma once

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/simulation/simulation.h"

namespace windtunnel::modeling {

/// `resolution` as in solve_serving. Throws NoAnswerError for a load at or above capacity.
ServingAnswer solve_open_loop(const ServingSystem& system, const RequestLimits& limits, double resolution);

}  // namespace windtunnel::modeling
