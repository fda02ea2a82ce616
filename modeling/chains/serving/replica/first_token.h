// SPDX-License-Identifier: Apache-2.0
// Time to the first token of a tagged request on one engine: from its arrival through the running iteration, the
// prompts ahead of it and its own prompt.
#pragma once

#include <span>
#include <vector>

#include "modeling/chains/serving/replica/prefill_backlog.h"
#include "modeling/chains/serving/requests/latency_law.h"

namespace windtunnel::modeling {

/// Adds the time to the first token of a request that arrives at a random time while the backlog chain runs, with
/// probability `phase_weight[i]` in an iteration that starts in phase i of the arrivals. `own` is the law of its own
/// prompt in the chain's quanta.
void add_first_token(const EngineModel& engine, const PrefillBacklog& backlog, const PromptQuanta& own,
                     std::span<const double> phase_weight, LatencyLaw& law);

/// The phases as arrivals see them in the long run, with total probability `weight`.
void add_first_token(const EngineModel& engine, const PrefillBacklog& backlog, const PromptQuanta& own, double weight,
                     LatencyLaw& law);

/// The same for a request that finds the engine idle.
void add_idle_first_token(const EngineModel& engine, const PromptQuanta& own, double weight, LatencyLaw& law);

/// The same for a request that waits `wait_s` for the boundary that frees its slot, with the others that this boundary
/// frees.
void add_after_slot(const EngineModel& engine, const PromptQuanta& own, double wait_s, double weight, LatencyLaw& law);

/// Seconds until `ahead` tokens, those of the request included, are computed by an engine that holds `decoding`
/// sequences, `beside` tokens of others joining the first of these iterations.
double prompt_time_s(const EngineModel& engine, double decoding, double ahead, double beside);

}  // namespace windtunnel::modeling
