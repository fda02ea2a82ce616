// SPDX-License-Identifier: Apache-2.0
// Requests that come at a rate of their own and go to the replica that holds the fewest.
//
// Mean field: with many requests per replica all replicas hold as many, n / replicas of n present, and n is one
// birth-death chain whose queue no replica is left out of [A]. Mitzenmacher, IEEE Transactions on Parallel and
// Distributed Systems 12(10), 2001, for the limit of many servers.
#pragma once

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/simulation/simulation.h"

namespace windtunnel::modeling {

/// Poisson arrivals, an aggregated system without priorities; `resolution` as in solve_serving. Throws NoAnswerError
/// for a load at or above capacity.
ServingAnswer solve_balanced_loop(const ServingSystem& system, const RequestLimits& limits, double resolution);

}  // namespace windtunnel::modeling
