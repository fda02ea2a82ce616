// SPDX-License-Identifier: Apache-2.0
// How long a number of departures takes when they come as a Poisson process.
#pragma once

#include <vector>

#include "modeling/chains/serving/requests/latency_law.h"

namespace windtunnel::modeling {

/// Atoms of the gamma law of `departures` > 0 at one per second, by the cube of a normal variable (Wilson, Hilferty,
/// Proceedings of the National Academy of Sciences 17, 1931) [A]; weights sum to 1, the mean is exact, the variance
/// from 1 to 2 % too small.
std::vector<LatencyLaw::Atom> departure_wait(double departures);

}  // namespace windtunnel::modeling
