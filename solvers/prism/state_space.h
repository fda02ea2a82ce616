// SPDX-License-Identifier: Apache-2.0
// The chain of a model: all states that can be reached, with their transitions, labels and rewards.
#pragma once
#include "solvers/chain/explore.h"
#include "solvers/chain/labelled_chain.h"
#include "solvers/prism/bound_model.h"
#include "solvers/prism/module_symmetry.h"

namespace windtunnel::solvers::prism {

/// States are numbered breadth first from the initial ones. Throws InputError where a rate is negative or not finite,
/// an update leaves the range of its variable, or an expression has no value; the message names the state.
/// With a symmetry of the model the chain is its quotient: symmetric modules have their local states in ascending order
/// in every state, and rates into one orbit are added up; jumps inside an orbit are self-loops.
LabelledChain build_chain(const BoundModel& model, const ExploreOptions& options = {},
                          const ModuleSymmetry& symmetry = {});

}  // namespace windtunnel::solvers::prism
