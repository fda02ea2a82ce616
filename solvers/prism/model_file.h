// SPDX-License-Identifier: Apache-2.0
// A chain from a model in the PRISM language, in one call.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "solvers/chain/chain_change.h"
#include "solvers/chain/explore.h"
#include "solvers/chain/labelled_chain.h"
#include "solvers/prism/module_symmetry.h"
#include "solvers/prism/scope.h"

namespace windtunnel::solvers::prism {

struct BuiltModel {
  LabelledChain chain;
  /// Constants, formulas and variables of the model, for properties about it.
  Scope scope;
  /// The chain counts the members of each group instead of telling them apart.
  ModuleSymmetry symmetry = {};
  /// `m1,m2,m3` of each group.
  std::vector<std::string> symmetric_modules = {};
};

/// Relative error of the rates and rewards of a chain that counts: those into one orbit are added up and rounded once,
/// and so are those of parallel commands and of one state.
inline constexpr double kOrbitRateError = 0x1p-52;

/// Which copies of modules are counted.
struct SymmetryRequest {
  /// Written as declared_symmetry takes them.
  std::vector<std::string> groups;
  /// Also look for copies (when there are no groups), but keep apart what these expressions tell apart; given the names
  /// of the model. Null: do not look.
  std::function<std::vector<ExpressionPointer>(Scope)> detect_for;
};

/// The names of a model without its chain. Throws InputError for a mistake in the text.
Scope model_scope(const std::string& text, const std::string& file, GivenConstants constants);

/// `file` is named in messages. Throws InputError for a mistake in the text, ChainError for a chain that cannot be (too
/// many states).
BuiltModel build_model(const std::string& text, const std::string& file, const GivenConstants& constants = {},
                       const ExploreOptions& options = {}, const SymmetryRequest& request = {});

/// How the chain of a model changes per unit of one of its real constants, and what the states then earn in one reward
/// structure. `built` is what build_model made of the same text and constants. Throws InputError where the model has no
/// derivative (chain_derivative.h), and where modules that are counted are no longer alike beside these constants.
ChainChange model_derivative(const std::string& text, const std::string& file, const GivenConstants& constants,
                             const std::string& by, const BuiltModel& built, std::optional<std::size_t> rewards = {});

}  // namespace windtunnel::solvers::prism
