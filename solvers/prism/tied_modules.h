// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "solvers/prism/module_symmetry.h"

namespace windtunnel::solvers::prism {

/// A guess at modules that can only change places together, such as each machine with its buffer: of `modules` those
/// that have a double (the same ranges of variables), in sets of two or more that hang together by an action that only
/// two of them have, or by a command of one that reads another but not that one's doubles. Doubles stand in the same
/// order in every set.
std::vector<SymmetryMember> tied_modules(const BoundModel& model, const std::vector<std::size_t>& modules);

}  // namespace windtunnel::solvers::prism
