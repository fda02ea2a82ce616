// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/reach_sets.h"

#include "solvers/chain/communicating_classes.h"

namespace windtunnel::solvers {

ReachSets reach_sets(const Generator& q, const StateSet& left, const StateSet& right) {
  const SparseRates incoming = q.incoming();
  StateSet closed_off(left.size());
  for (std::size_t i = 0; i < left.size(); ++i) closed_off[i] = !left[i] && !right[i];
  ReachSets sets;
  sets.never = can_reach(incoming, right, closed_off);
  sets.never.flip();
  // Missed with some probability: from where a state that never gets there can be reached before `right`.
  sets.surely = can_reach(incoming, sets.never, right);
  sets.surely.flip();
  return sets;
}

}  // namespace windtunnel::solvers
