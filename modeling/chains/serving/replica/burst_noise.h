// SPDX-License-Identifier: Apache-2.0
// What bursts do to the gaps between tokens: requests that start in a busy phase find more neighbours and meet more
// prompts, until the phase is forgotten.
#pragma once

#include "modeling/chains/serving/replica/replica_chain.h"
#include "modeling/chains/serving/replica/token_gaps.h"

namespace windtunnel::modeling {

/// Splits the slow part of `noise` by the phase in which requests start. Linear around the mean state [A: linear
/// noise]; the states at the start are those of the slow chain. `cycles_before`: from an arrival to the arrivals whose
/// prompts its first decode iteration meets. The mean over all tokens stays noise.cycle_s.
void start_in_phases(const EngineModel& engine, const solvers::SwitchedPoisson& bursts, const SolvedEngine& solved,
                     const DecodeSurvival& lives, double cycles_before, GapNoise& noise);

}  // namespace windtunnel::modeling
