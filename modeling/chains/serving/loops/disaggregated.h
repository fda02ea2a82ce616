// SPDX-License-Identifier: Apache-2.0
// Prefill and decode on different replicas, with a link for the KV caches between.
#pragma once

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/simulation/simulation.h"

namespace windtunnel::modeling {

/// Requests per second of whichever pool is full first; `system.prefill` must be there.
double disaggregated_capacity_per_s(const ServingSystem& system);

/// `resolution` as in solve_serving. Throws NoAnswerError for a load at or above the capacity of prefill replicas,
/// links or decode slots.
ServingAnswer solve_disaggregated(const ServingSystem& system, const RequestLimits& limits, double resolution);

}  // namespace windtunnel::modeling
