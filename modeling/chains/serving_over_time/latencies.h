// SPDX-License-Identifier: Apache-2.0
// Queues and latencies of an aggregated system over a stretch of time in which load or replicas change, by the chain of
// chains/load_path.h and a tagged request that arrives in the middle of each window.
#pragma once

#include <string>

#include "modeling/chains/serving/simulation/simulation.h"
#include "modeling/chains/serving_over_time/episode.h"

namespace windtunnel::modeling {

/// Why the chain does not cover it, in words; empty: it does.
std::string not_covered_over_time(const ServingSystem& system, const LoadEpisode& episode);

/// Needs a system that not_covered_over_time has nothing to say about. [A] The fast chain of prompts follows the load
/// at once; a request's time between tokens is that of the population half its life after its first token.
LoadAnswer follow_load(const ServingSystem& system, const LoadEpisode& episode, const RequestLimits& limits);

/// The same system while nothing changes.
struct LoadAtRest {
  LoadPoint point;
  /// Of one replica: sequences that decode, share of the time without any request.
  double decoding = 0.0;
  double idle_ratio = 0.0;
  ChainRecord chain;
};
/// `resolution` as in solve_serving.
LoadAtRest load_at_rest(const ServingSystem& system, const RequestLimits& limits, double resolution);

}  // namespace windtunnel::modeling
