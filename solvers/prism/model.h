// SPDX-License-Identifier: Apache-2.0
// A model in the PRISM language as it is written: names are not looked up yet.
// Source: PRISM manual, The PRISM Language, www.prismmodelchecker.org/manual.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "solvers/prism/expression.h"

namespace windtunnel::solvers::prism {

struct ConstantDeclaration {
  std::string name;
  SourceLocation where;
  Type type = Type::kInteger;
  /// Null: the value comes from outside.
  ExpressionPointer value;
};

struct FormulaDeclaration {
  std::string name;
  SourceLocation where;
  ExpressionPointer value;
};

struct LabelDeclaration {
  std::string name;
  SourceLocation where;
  ExpressionPointer states;
};

struct VariableDeclaration {
  std::string name;
  SourceLocation where;
  bool is_boolean = false;
  /// Null for a boolean.
  ExpressionPointer lowest;
  ExpressionPointer highest;
  /// Null: lowest, or false.
  ExpressionPointer initial;
};

/// name' = value.
struct Assignment {
  std::string variable;
  SourceLocation where;
  ExpressionPointer value;
};

/// rate : assignments.
struct Alternative {
  SourceLocation where;
  /// Null: 1.
  ExpressionPointer rate;
  std::vector<Assignment> assignments;
};

/// [action] guard -> alternatives.
struct Command {
  /// Empty: it does not synchronise.
  std::string action;
  SourceLocation where;
  ExpressionPointer guard;
  std::vector<Alternative> alternatives;
};

struct Module {
  std::string name;
  SourceLocation where;
  std::vector<VariableDeclaration> variables;
  std::vector<Command> commands;
};

struct NewName {
  std::string from;
  std::string to;
  SourceLocation where;
};

/// Either a module, or module NAME = BASE [ from=to, ... ].
struct ModuleDeclaration {
  Module module;
  /// Empty: it is written out.
  std::string base;
  SourceLocation base_where;
  std::vector<NewName> new_names;
};

/// guard : value, or [action] guard : value.
struct RewardItem {
  SourceLocation where;
  bool on_transitions = false;
  std::string action;
  ExpressionPointer guard;
  ExpressionPointer value;
};

struct RewardsDeclaration {
  std::string name;
  SourceLocation where;
  std::vector<RewardItem> items;
};

struct Model {
  /// As named in messages.
  std::string file;
  std::vector<ConstantDeclaration> constants;
  std::vector<FormulaDeclaration> formulas;
  std::vector<VariableDeclaration> globals;
  std::vector<ModuleDeclaration> modules;
  std::vector<LabelDeclaration> labels;
  std::vector<RewardsDeclaration> rewards;
  /// init ... endinit; null when each variable has its own initial value.
  ExpressionPointer initial_states;
};

/// Reads a model. Throws InputError with the place of the first mistake: among them models that are not CTMCs.
Model parse_model(const std::string& text, const std::string& file);

}  // namespace windtunnel::solvers::prism
