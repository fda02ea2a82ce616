// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "solvers/prism/constant_declaration.h"

namespace windtunnel::solvers::prism {

ConstantDeclaration DeclarationParser::constant() {
  expect_word("const");
  ConstantDeclaration constant;
  if (take_word("double") || take_word("rate") || take_word("prob")) {
    constant.type = Type::kDouble;
  } else if (take_word("bool")) {
    constant.type = Type::kBoolean;
  } else {
    take_word("int");
  }
  constant.where = where();
  constant.name = name("the name of a constant");
  if (take_symbol("=")) constant.value = expression();
  expect_symbol(";");
  return constant;
}

FormulaDeclaration DeclarationParser::formula() {
  expect_word("formula");
  FormulaDeclaration formula;
  formula.where = where();
  formula.name = name("the name of a formula");
  expect_symbol("=");
  formula.value = expression();
  expect_symbol(";");
  return formula;
}

LabelDeclaration DeclarationParser::label() {
  expect_word("label");
  LabelDeclaration label;
  label.where = where();
  label.name = string("the name of a label in quotes");
  expect_symbol("=");
  label.states = expression();
  expect_symbol(";");
  return label;
}

namespace {

constexpr std::array<std::string_view, 9> kOtherModels = {
    "dtmc", "mdp", "pta", "probabilistic", "nondeterministic", "pomdp", "popta", "smg", "lts"};

class ModelParser : public DeclarationParser {
 public:
  using DeclarationParser::DeclarationParser;

  Model model() {
    Model model;
    model.file = file();
    bool has_type = false;
    while (!at_end()) {
      if (take_model_type()) {
        if (has_type) fail_at(where(), "found a second model type");
        has_type = true;
      } else {
        declaration(model);
      }
    }
    if (!has_type) fail_at({1, 1}, "found no model type, expected 'ctmc'");
    return model;
  }

 private:
  bool take_model_type() {
    if (take_word("ctmc") || take_word("stochastic")) return true;
    for (const std::string_view other : kOtherModels) {
      if (at_word(other)) {
        fail_at(where(), "found a model of type '" + token().text + "', only 'ctmc' can be solved");
      }
    }
    return false;
  }

  void declaration(Model& model) {
    if (at_word("const")) {
      model.constants.push_back(constant());
    } else if (at_word("formula")) {
      model.formulas.push_back(formula());
    } else if (at_word("label")) {
      model.labels.push_back(label());
    } else if (take_word("global")) {
      model.globals.push_back(variable());
    } else if (at_word("module")) {
      model.modules.push_back(module());
    } else if (at_word("rewards")) {
      model.rewards.push_back(rewards());
    } else if (at_word("init")) {
      init(model);
    } else {
      other_declaration();
    }
  }

  [[noreturn]] void other_declaration() {
    if (at_word("system")) fail_at(where(), "'system' is not supported: all modules run in full synchronisation");
    fail("'const', 'formula', 'label', 'global', 'module', 'rewards' or 'init'");
  }

  void init(Model& model) {
    if (model.initial_states != nullptr) fail_at(where(), "found a second 'init' block");
    expect_word("init");
    model.initial_states = expression();
    expect_word("endinit");
  }

  VariableDeclaration variable() {
    VariableDeclaration variable;
    variable.where = where();
    variable.name = name("the name of a variable");
    expect_symbol(":");
    if (take_word("bool")) {
      variable.is_boolean = true;
    } else {
      range(variable);
    }
    if (take_word("init")) variable.initial = expression();
    expect_symbol(";");
    return variable;
  }

  void range(VariableDeclaration& variable) {
    if (at_word("int") || at_word("clock")) {
      fail_at(where(), "found '" + token().text + "', expected 'bool' or a range such as [0..9]");
    }
    if (!take_symbol("[")) fail("'bool' or a range such as [0..9]");
    variable.lowest = expression();
    expect_symbol("..");
    variable.highest = expression();
    expect_symbol("]");
  }

  ModuleDeclaration module() {
    expect_word("module");
    ModuleDeclaration declaration;
    declaration.module.where = where();
    declaration.module.name = name("the name of a module");
    if (take_symbol("=")) {
      renaming(declaration);
    } else {
      body(declaration.module);
    }
    expect_word("endmodule");
    return declaration;
  }

  void renaming(ModuleDeclaration& declaration) {
    declaration.base_where = where();
    declaration.base = name("the name of a module");
    expect_symbol("[");
    do {
      NewName pair;
      pair.where = where();
      pair.from = name("a name to replace");
      expect_symbol("=");
      pair.to = name("its new name");
      declaration.new_names.push_back(std::move(pair));
    } while (take_symbol(","));
    expect_symbol("]");
  }

  void body(Module& module) {
    while (token().kind == TokenKind::kIdentifier && !at_word("endmodule")) {
      if (at_word("invariant")) fail_at(where(), "'invariant' belongs to timed models, only 'ctmc' can be solved");
      module.variables.push_back(variable());
    }
    while (at_symbol("[")) module.commands.push_back(command());
    if (!at_word("endmodule")) fail("a variable, a command such as [a] x=0 -> 1 : (x'=1); or 'endmodule'");
  }

  Command command() {
    Command command;
    command.where = where();
    expect_symbol("[");
    if (!at_symbol("]")) command.action = name("an action");
    expect_symbol("]");
    command.guard = expression();
    expect_symbol("->");
    do {
      command.alternatives.push_back(alternative());
    } while (take_symbol("+"));
    expect_symbol(";");
    return command;
  }

  /// `(x'=1) & (y'=2)`, or `true`.
  bool at_assignments() const {
    if (at_word("true")) return at_symbol(";", 1) || at_symbol("+", 1);
    return at_symbol("(") && token(1).kind == TokenKind::kIdentifier && at_symbol("'", 2);
  }

  Alternative alternative() {
    Alternative alternative;
    alternative.where = where();
    if (!at_assignments()) {
      alternative.rate = expression();
      expect_symbol(":");
    }
    if (take_word("true")) return alternative;
    do {
      alternative.assignments.push_back(assignment());
    } while (take_symbol("&"));
    return alternative;
  }

  Assignment assignment() {
    if (!take_symbol("(")) fail("'true' or an update such as (x'=1)");
    Assignment assignment;
    assignment.where = where();
    assignment.variable = name("the name of a variable");
    expect_symbol("'");
    expect_symbol("=");
    assignment.value = expression();
    expect_symbol(")");
    return assignment;
  }

  RewardsDeclaration rewards() {
    RewardsDeclaration rewards;
    rewards.where = where();
    expect_word("rewards");
    if (token().kind == TokenKind::kString) rewards.name = take().text;
    while (!take_word("endrewards")) rewards.items.push_back(reward_item());
    return rewards;
  }

  RewardItem reward_item() {
    RewardItem item;
    item.where = where();
    if (take_symbol("[")) {
      item.on_transitions = true;
      if (!at_symbol("]")) item.action = name("an action");
      expect_symbol("]");
    }
    item.guard = expression();
    expect_symbol(":");
    item.value = expression();
    expect_symbol(";");
    return item;
  }
};

}  // namespace

Model parse_model(const std::string& text, const std::string& file) {
  return ModelParser(tokenize(text, file), file).model();
}

}  // namespace windtunnel::solvers::prism
