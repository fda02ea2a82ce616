// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/bound_model.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <set>

namespace windtunnel::solvers::prism {
namespace {

constexpr std::size_t kGlobal = std::numeric_limits<std::size_t>::max();

/// Writes renamed modules out.
class Modules {
 public:
  Modules(const Model& model, Scope& scope) : model_(model), scope_(scope) {}

  std::vector<Module> all() {
    for (const ModuleDeclaration& declaration : model_.modules) add(declaration);
    return std::move(modules_);
  }

 private:
  void add(const ModuleDeclaration& declaration) {
    const Module& module = declaration.module;
    if (find(module.name) != nullptr) {
      throw InputError(model_.file, module.where, "module '" + module.name + "' is already declared");
    }
    modules_.push_back(declaration.base.empty() ? module : renamed(declaration));
  }

  const Module* find(const std::string& name) const {
    const auto found =
        std::find_if(modules_.begin(), modules_.end(), [&](const Module& module) { return module.name == name; });
    return found == modules_.end() ? nullptr : &*found;
  }

  Module renamed(const ModuleDeclaration& declaration) {
    const Module* base = find(declaration.base);
    if (base == nullptr) {
      throw InputError(model_.file, declaration.base_where,
                       "unknown module '" + declaration.base + "', expected one declared above");
    }
    new_names_.clear();
    for (const NewName& pair : declaration.new_names) {
      if (!new_names_.emplace(pair.from, pair.to).second) {
        throw InputError(model_.file, pair.where, "'" + pair.from + "' is renamed twice");
      }
    }
    Module module = *base;
    module.name = declaration.module.name;
    module.where = declaration.module.where;
    for (VariableDeclaration& variable : module.variables) rename(variable, declaration.module.where);
    for (Command& command : module.commands) rename(command);
    return module;
  }

  void rename(VariableDeclaration& variable, SourceLocation where) {
    if (new_names_.count(variable.name) == 0) {
      throw InputError(model_.file, where, "variable '" + variable.name + "' of the module needs a new name");
    }
    variable.name = new_names_.at(variable.name);
    variable.where = where;
    for (ExpressionPointer* part : {&variable.lowest, &variable.highest, &variable.initial}) rename(*part);
  }

  void rename(Command& command) {
    rename(command.action);
    rename(command.guard);
    for (Alternative& alternative : command.alternatives) {
      rename(alternative.rate);
      for (Assignment& assignment : alternative.assignments) {
        rename(assignment.variable);
        rename(assignment.value);
      }
    }
  }

  void rename(std::string& name) const {
    if (const auto found = new_names_.find(name); found != new_names_.end()) name = found->second;
  }

  /// Formulas are written out first, so that the names in them are replaced as well. Source: PRISM manual, Formulas and
  /// Labels.
  void rename(ExpressionPointer& expression) {
    if (expression == nullptr) return;
    const ExpressionPointer plain = scope_.without_formulas(expression, model_.file);
    expression = substitute(plain, [this](const Expression& identifier) -> ExpressionPointer {
      const auto found = new_names_.find(identifier.name);
      if (found == new_names_.end()) return nullptr;
      return make({.op = Operator::kIdentifier, .where = identifier.where, .name = found->second});
    });
  }

  const Model& model_;
  Scope& scope_;
  std::vector<Module> modules_;
  std::map<std::string, std::string> new_names_;
};

class Binder {
 public:
  Binder(const Model& model, Scope& scope) : model_(model), scope_(scope) { bound_.file = model.file; }

  BoundModel bound() {
    for (const ConstantDeclaration& constant : model_.constants) scope_.declare(constant, model_.file);
    for (const FormulaDeclaration& formula : model_.formulas) scope_.declare(formula, model_.file);
    const std::vector<Module> modules = Modules(model_, scope_).all();
    declare_variables(modules);
    name_actions(modules);
    for (const FormulaDeclaration& formula : model_.formulas) scope_.bound(formula.value, model_.file);
    bind_initial_states();
    for (std::size_t m = 0; m < modules.size(); ++m) {
      for (const Command& command : modules[m].commands) bound_.commands.push_back(bind(command, m));
    }
    bind_labels();
    for (const RewardsDeclaration& rewards : model_.rewards) bound_.rewards.push_back(bind(rewards));
    return std::move(bound_);
  }

 private:
  void declare_variables(const std::vector<Module>& modules) {
    std::vector<const VariableDeclaration*> declarations;
    for (const VariableDeclaration& variable : model_.globals) declare(variable, kGlobal, declarations);
    for (std::size_t m = 0; m < modules.size(); ++m) {
      bound_.modules.push_back({modules[m].name, modules[m].where, {}});
      for (const VariableDeclaration& variable : modules[m].variables) {
        bound_.modules.back().variables.push_back(declarations.size());
        declare(variable, m, declarations);
      }
    }
    // Ranges and initial values after all names are known: they may use formulas.
    for (const VariableDeclaration* declaration : declarations) place(*declaration);
    bound_.words_per_state = std::max<Index>(1, word_ + (used_bits_ > 0 ? 1 : 0));
  }

  void declare(const VariableDeclaration& variable, std::size_t module,
               std::vector<const VariableDeclaration*>& declarations) {
    scope_.declare_variable(variable, declarations.size(), model_.file);
    numbers_[variable.name] = declarations.size();
    declarations.push_back(&variable);
    owner_.push_back(module);
  }

  /// Gives the variable its bits in the state: in the current word or in the next one, never across two.
  void place(const VariableDeclaration& declaration) {
    StateVariable variable{.name = declaration.name, .is_boolean = declaration.is_boolean, .lowest = 0, .highest = 1};
    if (!declaration.is_boolean) {
      variable.lowest = bound_of(declaration.lowest);
      variable.highest = bound_of(declaration.highest);
      require_range(variable, declaration);
    }
    variable.bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(variable.highest - variable.lowest)));
    if (used_bits_ + variable.bits > 64) {
      ++word_;
      used_bits_ = 0;
    }
    variable.word = word_;
    variable.shift = used_bits_ % 64;  // a constant after a full word has no bits: any shift is right for it
    used_bits_ += variable.bits;
    bound_.initial.push_back(initial_value(declaration, variable));
    bound_.variables.push_back(std::move(variable));
  }

  std::int64_t bound_of(const ExpressionPointer& expression) {
    const std::int64_t value = scope_.constant(expression, Type::kInteger, model_.file).integer;
    if (value >= std::numeric_limits<std::int32_t>::min() && value <= std::numeric_limits<std::int32_t>::max()) {
      return value;
    }
    throw InputError(model_.file, expression->where, fmt::format("bound {} does not fit 32 bits", value));
  }

  void require_range(const StateVariable& variable, const VariableDeclaration& declaration) const {
    if (variable.lowest <= variable.highest) return;
    throw InputError(
        model_.file, declaration.where,
        fmt::format("variable '{}' has the empty range {}..{}", variable.name, variable.lowest, variable.highest));
  }

  std::int64_t initial_value(const VariableDeclaration& declaration, const StateVariable& variable) {
    if (declaration.initial == nullptr) return variable.lowest;
    const Type type = declaration.is_boolean ? Type::kBoolean : Type::kInteger;
    const std::int64_t value = scope_.constant(declaration.initial, type, model_.file).integer;
    if (value >= variable.lowest && value <= variable.highest) return value;
    throw InputError(model_.file, declaration.initial->where,
                     fmt::format("variable '{}' starts at {}, expected {} to {}", variable.name, value, variable.lowest,
                                 variable.highest));
  }

  void name_actions(const std::vector<Module>& modules) {
    bound_.actions = {""};
    action_numbers_[""] = 0;
    for (const Module& module : modules) {
      for (const Command& command : module.commands) {
        if (action_numbers_.emplace(command.action, bound_.actions.size()).second) {
          bound_.actions.push_back(command.action);
        }
      }
    }
  }

  void bind_initial_states() {
    if (model_.initial_states == nullptr) return;
    bound_.initial_states = scope_.bound(model_.initial_states, Type::kBoolean, model_.file);
  }

  BoundCommand bind(const Command& command, std::size_t module) {
    BoundCommand result{.where = command.where, .module = module, .action = action_numbers_.at(command.action)};
    result.guard = scope_.bound(command.guard, Type::kBoolean, model_.file);
    for (const Alternative& alternative : command.alternatives) {
      result.alternatives.push_back(bind(alternative, command, module));
    }
    return result;
  }

  BoundAlternative bind(const Alternative& alternative, const Command& command, std::size_t module) {
    BoundAlternative result{.where = alternative.where};
    result.rate = alternative.rate == nullptr ? literal(Value::of(1.0), alternative.where)
                                              : scope_.bound(alternative.rate, Type::kDouble, model_.file);
    std::set<std::size_t> assigned;
    for (const Assignment& assignment : alternative.assignments) {
      result.assignments.push_back(bind(assignment, command, module));
      if (!assigned.insert(result.assignments.back().variable).second) {
        throw InputError(model_.file, assignment.where, "variable '" + assignment.variable + "' is updated twice");
      }
    }
    return result;
  }

  BoundAssignment bind(const Assignment& assignment, const Command& command, std::size_t module) {
    const auto number = numbers_.find(assignment.variable);
    if (number == numbers_.end()) {
      throw InputError(model_.file, assignment.where, "unknown variable '" + assignment.variable + "'");
    }
    require_may_update(assignment, command, module, owner_[number->second]);
    const Type type = bound_.variables[number->second].is_boolean ? Type::kBoolean : Type::kInteger;
    return {assignment.where, number->second, scope_.bound(assignment.value, type, model_.file)};
  }

  void require_may_update(const Assignment& assignment, const Command& command, std::size_t module,
                          std::size_t owner) const {
    if (owner == module) return;
    if (owner != kGlobal) {
      throw InputError(model_.file, assignment.where,
                       "variable '" + assignment.variable + "' belongs to another module and can only be read here");
    }
    if (!command.action.empty()) {
      throw InputError(
          model_.file, assignment.where,
          "global variable '" + assignment.variable + "' can only be updated by commands without an action");
    }
  }

  void bind_labels() {
    std::set<std::string> names = {"init", "deadlock"};
    for (const LabelDeclaration& label : model_.labels) {
      if (!names.insert(label.name).second) {
        throw InputError(model_.file, label.where, "label \"" + label.name + "\" is already declared");
      }
      bound_.labels.push_back({label.name, scope_.bound(label.states, Type::kBoolean, model_.file)});
    }
  }

  BoundRewards bind(const RewardsDeclaration& rewards) {
    const auto same_name = [&](const BoundRewards& other) {
      return !rewards.name.empty() && other.name == rewards.name;
    };
    if (std::any_of(bound_.rewards.begin(), bound_.rewards.end(), same_name)) {
      throw InputError(model_.file, rewards.where, "rewards \"" + rewards.name + "\" are already declared");
    }
    BoundRewards result{.name = rewards.name};
    for (const RewardItem& item : rewards.items) result.items.push_back(bind(item));
    return result;
  }

  BoundRewardItem bind(const RewardItem& item) {
    const auto action = action_numbers_.find(item.action);
    if (action == action_numbers_.end()) {
      throw InputError(model_.file, item.where, "unknown action '" + item.action + "'");
    }
    return {.where = item.where,
            .on_transitions = item.on_transitions,
            .action = action->second,
            .guard = scope_.bound(item.guard, Type::kBoolean, model_.file),
            .value = scope_.bound(item.value, Type::kDouble, model_.file)};
  }

  const Model& model_;
  Scope& scope_;
  BoundModel bound_;
  std::map<std::string, std::size_t> numbers_;
  std::vector<std::size_t> owner_;
  std::map<std::string, std::size_t> action_numbers_;
  int word_ = 0;
  int used_bits_ = 0;
};

}  // namespace

BoundModel bind_model(const Model& model, Scope& scope) {
  return Binder(model, scope).bound();
}

}  // namespace windtunnel::solvers::prism
