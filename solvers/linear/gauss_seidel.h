// SPDX-License-Identifier: Apache-2.0
// Gauss-Seidel sweeps over x_i = (constant(i) + sum_j rate_ij x_j) * reciprocal_i, in place, forward and backward in
// turn. Alternating matters: forward sweeps alone run into cycles on chains as harmless as tandem queues, where turning
// round at each end converges. Only additions and multiplications of what is given: x >= 0 stays >= 0. Source: W. J.
// Stewart, Introduction to the Numerical Solution of Markov Chains, 1994, section 3.2 (symmetric sweeps).
#pragma once
#include <algorithm>

#include "solvers/chain/sparse_rates.h"
#include "solvers/chain/sweep_direction.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// One sweep through the states in ascending order and one back. `floor` keeps x out of the subnormal numbers, which
/// are slow and lose digits; use -infinity where x may be negative.
template <typename Constant>
void sweep_both_ways(const SparseRates& rates, const Vector& reciprocal, const Constant& constant, double floor,
                     Vector& x) {
  sweep_twice(SweepDirection::kBoth, x.size(), [&](Index i) {
    x(i) = std::max(floor, (constant(i) + gathered(rates.row(i), x.data())) * reciprocal(i));
  });
}

}  // namespace windtunnel::solvers
