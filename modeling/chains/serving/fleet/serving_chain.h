// SPDX-License-Identifier: Apache-2.0
// A serving system solved without simulation: the chains of one replica put together.
//
//   open loop    slow chain (sequences in slots) and fast chain (prompts at iteration boundaries) joined by a tagged
//                request: it finds a state, waits for a slot, for the boundary and for its prompt; then it collects
//                decode iterations.
//   closed loop  the same with a fixed number of sequences; constant lengths follow their schedule exactly. Several
//                replicas share the requests evenly, as the shortest queue does.
#pragma once

#include <optional>

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/requests/system.h"
#include "modeling/chains/serving/simulation/simulation.h"

namespace windtunnel::modeling {

/// Why the chains do not cover this system, in words; empty: they do.
std::string not_covered_by_chains(const ServingSystem& system);

/// Throws NoAnswerError "unstable: arrival_rate ... /s, capacity ... /s" for an open load at or above capacity.
/// Laws are kept on grids and long tails in few cells; `resolution` > 0 is the number of points over the usual one, so
/// that two solutions show what the grids do to the percentiles.
ServingAnswer solve_serving(const ServingSystem& system, const RequestLimits& limits, double resolution = 1.0);

/// Requests per second the whole system completes when prompts always wait.
double serving_capacity_per_s(const ServingSystem& system);

}  // namespace windtunnel::modeling
