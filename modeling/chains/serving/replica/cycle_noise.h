// SPDX-License-Identifier: Apache-2.0
// The noise of a decode cycle on an engine whose requests come at a rate of their own: from its solved slots to what
// chains/token_gaps.h needs.
#pragma once

#include <vector>

#include "modeling/chains/serving/replica/replica_chain.h"
#include "modeling/chains/serving/replica/token_gaps.h"

namespace windtunnel::modeling {

/// The mean state around which the noise is linear.
struct MeanCycle {
  /// Sequences that decode.
  double decoding = 0.0;
  /// Seconds from one token of a sequence to its next.
  double cycle_s = 0.0;
};

/// Noise of the gaps of each class: the classes differ in what their own prompt brings about.
std::vector<GapNoise> open_noise(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                 const ReplicaArrivals& arrivals, const SolvedEngine& solved, const MeanCycle& mean);

/// Seconds of the iteration that computes the tagged request's prompt of `prompt_tokens`.
double own_prefill_s(const EngineModel& engine, double rate_per_s, double prompt_s, double decoding,
                     double prompt_tokens);

}  // namespace windtunnel::modeling
