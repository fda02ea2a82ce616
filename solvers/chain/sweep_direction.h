// SPDX-License-Identifier: Apache-2.0
// Which way to sweep. A Gauss-Seidel sweep that meets the successors of most states before the states themselves takes
// news of what is to come as far as a sweep up and one down, which cost twice as much: ascending where states are
// numbered by their distance to a goal, descending where they are numbered in the order of their discovery. In any
// other order only turning round at each end is safe.
#pragma once
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

enum class SweepDirection { kAscending, kDescending, kBoth };

/// Calls relax(state) for each of `states` twice, in two sweeps.
template <typename Relax>
void sweep_twice(SweepDirection direction, Index states, const Relax& relax) {
  const auto sweep = [&](bool ascending) {
    for (Index k = 0; k < states; ++k) relax(ascending ? k : states - 1 - k);
  };
  sweep(direction != SweepDirection::kDescending);
  sweep(direction == SweepDirection::kAscending);
}

}  // namespace windtunnel::solvers
