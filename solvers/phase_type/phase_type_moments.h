// SPDX-License-Identifier: Apache-2.0
// Moments of a phase-type duration by first-step analysis.
#pragma once
#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

/// The x with x_i = step_i + sum_j P(i to j) x_j, P the jump probabilities between phases: the expected total of `step`
/// over the phases visited from i. Backward substitution when the phases feed forward, otherwise
/// Grassmann-Taksar-Heyman elimination, which never subtracts (O(n^3); Operations Research 33(5), 1985).
Eigen::VectorXd expected_total(const PhaseType& x, const Eigen::VectorXd& step);

/// Mean and central moments, shift included. PhaseType::moments() returns the stored result.
CentralMoments phase_type_moments(const PhaseType& x);

}  // namespace windtunnel::solvers
