// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/initial_distribution.h"

#include <fmt/format.h>

#include <cmath>

#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {

Vector point_mass(Index states, Index state) {
  if (state < 0 || state >= states) {
    throw ChainError(fmt::format("initial state {} does not exist, the chain has states 0 to {}", state, states - 1));
  }
  return Vector::Unit(states, state);
}

void require_distribution(const Vector& distribution, Index states) {
  if (distribution.size() != states) {
    throw ChainError(
        fmt::format("the initial distribution has {} entries, the chain has {} states", distribution.size(), states));
  }
  for (Index i = 0; i < states; ++i) {
    if (distribution(i) >= 0.0) continue;
    throw ChainError(fmt::format("initial probability {} of state {} is not >= 0", distribution(i), i));
  }
  if (!(std::abs(distribution.sum() - 1.0) <= 1e-9)) {
    throw ChainError(fmt::format("the initial probabilities sum to {}, not to 1", distribution.sum()));
  }
}

}  // namespace windtunnel::solvers
