// SPDX-License-Identifier: Apache-2.0
// The law of the time that a job has lost by some time: many losses of random size, at random times.
//
// With cumulants k1, k2, k3 of the sum, r = k3 k1 / k2^2 tells the kinds apart: a gamma law has r = 2; a Poisson number
// of gamma losses has 1 < r < 2 (Tweedie, Statistics: Applications and New Directions, 1984); above, some loss is
// certain and the rest is a gamma law. All three match three moments. Where the sum is far from 0 in its own standard
// deviations the Poisson number cannot be told from a gamma law shifted below 0 (Pearson's type III), which is taken.
#pragma once

#include "solvers/numerics/central_moments.h"

namespace windtunnel::modeling {

/// P(lost <= time_s) of a loss >= 0 with this mean (> 0), variance (> 0) and third moment. A third moment below that of
/// losses of one size (r < 1) is taken as that, one that is not positive as a normal law's.
double lost_time_cdf(const solvers::CentralMoments& lost, double time_s);

}  // namespace windtunnel::modeling
