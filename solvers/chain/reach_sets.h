// SPDX-License-Identifier: Apache-2.0
// What the graph of a chain says about `left U right`.
#pragma once
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/chain/labelled_chain.h"

namespace windtunnel::solvers {

struct ReachSets {
  /// Probability exactly 0, exactly 1.
  StateSet never;
  StateSet surely;
};

/// O(states + transitions).
ReachSets reach_sets(const Generator& q, const StateSet& left, const StateSet& right);

}  // namespace windtunnel::solvers
