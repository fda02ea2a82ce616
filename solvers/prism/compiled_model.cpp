// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/compiled_model.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace windtunnel::solvers::prism {
namespace {

/// Commands by action, then module; those without action first.
std::vector<const BoundCommand*> in_blocks(const BoundModel& model) {
  std::vector<const BoundCommand*> commands;
  for (const BoundCommand& command : model.commands) commands.push_back(&command);
  std::stable_sort(commands.begin(), commands.end(), [](const BoundCommand* a, const BoundCommand* b) {
    return std::tie(a->action, a->module) < std::tie(b->action, b->module);
  });
  return commands;
}

std::vector<ExpressionPointer> guards_of(const std::vector<const BoundCommand*>& commands) {
  std::vector<ExpressionPointer> guards;
  for (const BoundCommand* command : commands) guards.push_back(command->guard);
  return guards;
}

class ModelCompiler {
 public:
  explicit ModelCompiler(const BoundModel& model)
      : model_(model),
        commands_(in_blocks(model)),
        compiled_{.file = model.file,
                  .variables = model.variables,
                  .words_per_state = model.words_per_state,
                  .program = Program(model.variables),
                  .guards = GuardIndex(model.variables, guards_of(commands_))} {}

  CompiledModel compiled() {
    for (std::size_t k = 0; k < commands_.size(); ++k) add_command(k);
    compiled_.transition_rewards.resize(model_.actions.size());
    for (std::size_t k = 0; k < model_.rewards.size(); ++k) add_rewards(k);
    return std::move(compiled_);
  }

 private:
  void add_command(std::size_t number) {
    const BoundCommand& command = *commands_[number];
    CompiledCommand result{.begin = compiled_.alternatives.size(), .block = block_of(number)};
    if (const ExpressionPointer& remainder = compiled_.guards.remainders()[number]; remainder != nullptr) {
      result.has_remainder = true;
      result.remainder = compiled_.program.compile(remainder);
    }
    for (const BoundAlternative& alternative : command.alternatives) add_alternative(alternative);
    result.end = compiled_.alternatives.size();
    compiled_.commands.push_back(result);
  }

  /// Opens a new block, or a new participant of the last one, where the command needs it.
  std::size_t block_of(std::size_t number) {
    const BoundCommand& command = *commands_[number];
    const bool joins = number > 0 && command.action != 0 && commands_[number - 1]->action == command.action;
    if (!joins) compiled_.blocks.push_back({.action = command.action, .begin = number});
    Block& block = compiled_.blocks.back();
    if (!joins || commands_[number - 1]->module != command.module) block.participants.push_back({number, number});
    block.end = block.participants.back().end = number + 1;
    return compiled_.blocks.size() - 1;
  }

  void add_alternative(const BoundAlternative& alternative) {
    CompiledAlternative result{.where = alternative.where,
                               .rate = compiled_.program.compile_as_double(alternative.rate),
                               .begin = compiled_.assignments.size()};
    for (const BoundAssignment& assignment : alternative.assignments) add_assignment(assignment);
    result.end = compiled_.assignments.size();
    compiled_.alternatives.push_back(result);
  }

  void add_assignment(const BoundAssignment& assignment) {
    const StateVariable& variable = model_.variables[assignment.variable];
    const std::uint64_t ones = variable.bits == 0 ? 0 : ~std::uint64_t{0} >> (64 - variable.bits);
    compiled_.assignments.push_back({.where = assignment.where,
                                     .variable = assignment.variable,
                                     .word = static_cast<std::size_t>(variable.word),
                                     .shift = variable.shift,
                                     .mask = ones << variable.shift,
                                     .lowest = variable.lowest,
                                     .highest = variable.highest,
                                     .value = compiled_.program.compile(assignment.value)});
  }

  void add_rewards(std::size_t structure) {
    compiled_.reward_names.push_back(model_.rewards[structure].name);
    for (const BoundRewardItem& item : model_.rewards[structure].items) {
      const CompiledReward reward{.where = item.where,
                                  .structure = structure,
                                  .guard = compiled_.program.compile(item.guard),
                                  .value = compiled_.program.compile_as_double(item.value)};
      (item.on_transitions ? compiled_.transition_rewards[item.action] : compiled_.state_rewards).push_back(reward);
    }
  }

  const BoundModel& model_;
  std::vector<const BoundCommand*> commands_;
  CompiledModel compiled_;
};

}  // namespace

CompiledModel compile_model(const BoundModel& model) {
  try {
    return ModelCompiler(model).compiled();
  } catch (const ExpressionError& error) {
    throw InputError(model.file, error.where, error.message);
  }
}

}  // namespace windtunnel::solvers::prism
