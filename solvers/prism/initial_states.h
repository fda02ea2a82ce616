// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "solvers/prism/bound_model.h"

namespace windtunnel::solvers::prism {

/// The packed initial states, words_per_state words each: the initial values of the variables, or all states that
/// satisfy init ... endinit. Throws InputError when there are none or too many to try.
std::vector<std::uint64_t> initial_states(const BoundModel& model);

}  // namespace windtunnel::solvers::prism
