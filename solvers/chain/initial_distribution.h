// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// Probability 1 on one state of `states`. Throws ChainError when the state does not exist.
Vector point_mass(Index states, Index state);

/// Throws ChainError unless the vector has one entry >= 0 per state and sums to 1 within 1e-9 (numbers typed by hand).
void require_distribution(const Vector& distribution, Index states);

}  // namespace windtunnel::solvers
