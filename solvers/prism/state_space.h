// SPDX-License-Identifier: Apache-2.0
// The chain of a model: all states that can be reached, with their transitions, labels and rewards.
#pragma once
#include "solvers/explore.h"
#include "solvers/labelled_chain.h"
#include "solvers/prism/bound_model.h"

namespace windtunnel::solvers::prism {

/// States are numbered breadth first from the initial ones. Throws InputError where a rate is negative or not finite,
/// an update leaves the range of its variable, or an expression has no value; the message names the state.
LabelledChain build_chain(const BoundModel& model, const ExploreOptions& options = {});

}  // namespace windtunnel::solvers::prism
