// SPDX-License-Identifier: Apache-2.0
// What a whole request experiences, from its first-token law and the gaps between tokens.
#pragma once

#include <vector>

#include "modeling/chains/serving/replica/token_gaps.h"
#include "modeling/chains/serving/requests/latency_law.h"
#include "modeling/chains/serving/simulation/simulation.h"

namespace windtunnel::modeling {

/// Cached tokens that one slot holds against the KV capacity: the mean context (preempt) or the whole length (reserve),
/// averaged over the time slots are held.
double tokens_held(const std::vector<RequestClass>& classes, const BatchRules& rules);

/// Cells of the number of decode iterations of one class: mean iterations, tokens - 1, probability.
struct OutputCell {
  double iterations = 0.0;
  double gaps = 0.0;
  double weight = 0.0;
};
/// `resolution`: cells over the usual number.
std::vector<OutputCell> output_cells(const TokenLaw& output, double tokens_per_iteration, double resolution = 1.0);

/// Answers of all classes together (first) and, when there are several, of each.
std::vector<ClassAnswer> request_answers(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                         const std::vector<LatencyLaw>& first_token, const std::vector<GapNoise>& noise,
                                         const RequestLimits& limits);

}  // namespace windtunnel::modeling
