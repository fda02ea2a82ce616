// SPDX-License-Identifier: Apache-2.0
// Communicating classes of a chain: the sets of states that can all reach each other. A class that cannot be left is a
// bottom class; in the long run the chain is in one of them.
#pragma once
#include <span>
#include <vector>

#include "solvers/chain/generator.h"

namespace windtunnel::solvers {

struct CommunicatingClasses {
  /// Class of each state. Transitions lead from a class to itself or to one with a lower number.
  std::vector<Index> class_of;
  /// members[c]: states of class c, ascending.
  std::vector<std::vector<Index>> members;
  /// Classes that cannot be left, ascending; at least one.
  std::vector<Index> bottom;

  Index count() const { return static_cast<Index>(members.size()); }
  bool irreducible() const { return members.size() == 1; }
  bool is_bottom(Index state) const;
};

/// O(states + transitions), without recursion.
/// Source: R. Tarjan, Depth-first search and linear graph algorithms, SIAM Journal on Computing 1(2), 1972.
CommunicatingClasses communicating_classes(const Generator& q);

/// The chain inside one class that cannot be left (its members, ascending). State k of the result is members[k].
Generator restricted_to(const Generator& q, std::span<const Index> members);

/// States from which some state of `targets` can be reached, targets included; one flag per state. The way there must
/// not pass through `blocked` states (none when empty); blocked states themselves do not count as reaching.
std::vector<bool> can_reach(const SparseRates& incoming, const std::vector<bool>& targets,
                            const std::vector<bool>& blocked = {});

}  // namespace windtunnel::solvers
