// SPDX-License-Identifier: Apache-2.0
// Orders of states in which a sweep carries news along the way the chain goes.
#pragma once
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// States by the number of transitions it takes to get to one of `goals`, those first; then the states that cannot get
/// there. States as near follow their predecessors, those with the higher rate first: so the order hardly depends on
/// the numbers that states came with. Where a chain drifts towards the goals, one ascending Gauss-Seidel sweep of a
/// backward system, or descending one of a forward system, takes news the whole way. O(states + transitions).
std::vector<Index> order_towards(const SparseRates& incoming, const std::vector<Index>& goals);

/// Whether the states are numbered in no order at all: neighbours many times as far apart as in `order`.
bool scattered(const SparseRates& rates, const std::vector<Index>& order);

}  // namespace windtunnel::solvers
