// SPDX-License-Identifier: Apache-2.0
// A chain from a model in the PRISM language, in one call.
#pragma once
#include <string>

#include "solvers/explore.h"
#include "solvers/labelled_chain.h"
#include "solvers/prism/scope.h"

namespace windtunnel::solvers::prism {

struct BuiltModel {
  LabelledChain chain;
  /// Constants, formulas and variables of the model, for properties about it.
  Scope scope;
};

/// `file` is named in messages. Throws InputError for a mistake in the text, ChainError for a chain that cannot be (too
/// many states).
BuiltModel build_model(const std::string& text, const std::string& file, const GivenConstants& constants = {},
                       const ExploreOptions& options = {});

}  // namespace windtunnel::solvers::prism
