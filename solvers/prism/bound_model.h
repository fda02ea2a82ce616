// SPDX-License-Identifier: Apache-2.0
// A model whose names are known: renamed modules are written out, variables have numbers and places in the packed
// state.
#pragma once
#include <string>
#include <vector>

#include "solvers/chain/labelled_chain.h"
#include "solvers/prism/model.h"
#include "solvers/prism/scope.h"

namespace windtunnel::solvers::prism {

struct BoundAssignment {
  SourceLocation where;
  std::size_t variable = 0;
  ExpressionPointer value;
};

struct BoundAlternative {
  SourceLocation where;
  ExpressionPointer rate;
  std::vector<BoundAssignment> assignments;
};

struct BoundCommand {
  SourceLocation where;
  /// Number of the module.
  std::size_t module = 0;
  /// Number of the action; 0: it does not synchronise.
  std::size_t action = 0;
  ExpressionPointer guard;
  std::vector<BoundAlternative> alternatives;
};

struct BoundRewardItem {
  SourceLocation where;
  bool on_transitions = false;
  std::size_t action = 0;
  ExpressionPointer guard;
  ExpressionPointer value;
};

struct BoundRewards {
  std::string name;
  std::vector<BoundRewardItem> items;
};

struct BoundLabel {
  std::string name;
  ExpressionPointer states;
};

struct BoundModule {
  std::string name;
  SourceLocation where;
  /// Its own, by number, as declared.
  std::vector<std::size_t> variables;
};

struct BoundModel {
  std::string file;
  std::vector<StateVariable> variables;
  Index words_per_state = 1;
  /// Of each variable; ignored when initial_states is not null.
  std::vector<std::int64_t> initial;
  ExpressionPointer initial_states;
  /// actions[0] is "": no action.
  std::vector<std::string> actions;
  std::vector<BoundModule> modules;
  std::vector<BoundCommand> commands;
  std::vector<BoundLabel> labels;
  std::vector<BoundRewards> rewards;
};

/// Declares all names of the model in the scope and binds them. Throws InputError.
BoundModel bind_model(const Model& model, Scope& scope);

}  // namespace windtunnel::solvers::prism
