// SPDX-License-Identifier: Apache-2.0
// Event simulation of a LoadEpisode, request by request and replica by replica: the oracle of the chain.
#pragma once

#include "modeling/chains/serving/simulation/simulation.h"
#include "modeling/chains/serving_over_time/episode.h"

namespace windtunnel::modeling {

/// Repeats the episode until `options.requests` requests are measured. Percentiles of a window are those of all its
/// requests in all repetitions, without an interval. Throws std::invalid_argument for other than aggregated systems
/// with Poisson arrivals.
LoadAnswer simulate_load(const ServingSystem& system, const LoadEpisode& episode, const RequestLimits& limits,
                         const SimulationOptions& options = {});

}  // namespace windtunnel::modeling
