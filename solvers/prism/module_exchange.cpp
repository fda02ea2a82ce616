// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/module_exchange.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace windtunnel::solvers::prism {
namespace {

/// Numbers that are equal when parts of a model mean the same.
using Meaning = std::vector<std::size_t>;

enum PartKind : std::size_t { kCommand, kLabel, kReward, kInitialStates };

std::vector<std::size_t> numbers_up_to(std::size_t count) {
  std::vector<std::size_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  return numbers;
}

void append(Meaning& to, const Meaning& more) {
  to.push_back(more.size());
  to.insert(to.end(), more.begin(), more.end());
}

Meaning meaning_of(const BoundAlternative& alternative, FormReader& reader) {
  std::vector<std::pair<std::size_t, std::size_t>> assignments;
  for (const BoundAssignment& assignment : alternative.assignments) {
    assignments.emplace_back(reader.variable(assignment.variable), reader.number(assignment.value));
  }
  std::sort(assignments.begin(), assignments.end());
  Meaning meaning = {reader.number(alternative.rate)};
  for (const auto& [variable, value] : assignments) meaning.insert(meaning.end(), {variable, value});
  return meaning;
}

Meaning meaning_of(const BoundCommand& command, const Exchange& exchange, FormReader& reader) {
  std::vector<Meaning> alternatives;
  for (const BoundAlternative& alternative : command.alternatives) {
    alternatives.push_back(meaning_of(alternative, reader));
  }
  std::sort(alternatives.begin(), alternatives.end());
  Meaning meaning = {kCommand, exchange.module[command.module], exchange.action[command.action],
                     reader.number(command.guard)};
  for (const Meaning& alternative : alternatives) append(meaning, alternative);
  return meaning;
}

bool same_range(const StateVariable& a, const StateVariable& b) {
  return std::tie(a.is_boolean, a.lowest, a.highest) == std::tie(b.is_boolean, b.lowest, b.highest);
}

/// The actions of `some` that `others` lacks.
std::vector<std::size_t> only_in(const std::vector<std::size_t>& some, const std::vector<std::size_t>& others) {
  std::vector<std::size_t> left;
  for (const std::size_t action : some) {
    if (std::find(others.begin(), others.end(), action) == others.end()) left.push_back(action);
  }
  return left;
}

}  // namespace

Exchange identity(const BoundModel& model) {
  return {numbers_up_to(model.variables.size()), numbers_up_to(model.modules.size()),
          numbers_up_to(model.actions.size())};
}

ModuleExchanges::ModuleExchanges(const BoundModel& model)
    : model_(model), as_written_(parts(identity(model))), meanings_(sorted_meanings(as_written_)) {}

std::vector<Meaning> ModuleExchanges::sorted_meanings(const std::vector<Part>& parts) {
  std::vector<Meaning> meanings;
  for (const Part& part : parts) meanings.push_back(part.meaning);
  std::sort(meanings.begin(), meanings.end());
  return meanings;
}

std::vector<ModuleExchanges::Part> ModuleExchanges::parts(const Exchange& exchange) {
  FormReader reader(table_, exchange.variable);
  std::vector<Part> parts;
  for (const BoundCommand& command : model_.commands) {
    parts.push_back({meaning_of(command, exchange, reader), command.where,
                     "command of module '" + model_.modules[command.module].name + "'"});
  }
  for (std::size_t k = 0; k < model_.labels.size(); ++k) {
    const BoundLabel& label = model_.labels[k];
    parts.push_back({{kLabel, k, reader.number(label.states)}, label.states->where, "label \"" + label.name + "\""});
  }
  for (std::size_t k = 0; k < model_.rewards.size(); ++k) {
    for (const BoundRewardItem& item : model_.rewards[k].items) {
      parts.push_back({{kReward, k, item.on_transitions ? 1u : 0u, exchange.action[item.action],
                        reader.number(item.guard), reader.number(item.value)},
                       item.where,
                       "reward"});
    }
  }
  if (model_.initial_states != nullptr) {
    parts.push_back({{kInitialStates, reader.number(model_.initial_states)}, model_.initial_states->where, "init"});
  }
  return parts;
}

std::optional<Difference> ModuleExchanges::difference(const Exchange& exchange) {
  const std::vector<Meaning> after = sorted_meanings(parts(exchange));
  if (after == meanings_) return std::nullopt;
  const auto copies = [](const std::vector<Meaning>& all, const Meaning& one) {
    const auto [first, last] = std::equal_range(all.begin(), all.end(), one);
    return last - first;
  };
  // The last part that differs: in the copy rather than in the original.
  const auto part = std::find_if(as_written_.rbegin(), as_written_.rend(), [&](const Part& p) {
    return copies(after, p.meaning) != copies(meanings_, p.meaning);
  });
  return Difference{part->where, part->name};
}

bool ModuleExchanges::keeps(const std::vector<std::size_t>& variable, const ExpressionPointer& expression) {
  FormReader before(table_, numbers_up_to(variable.size()));
  FormReader after(table_, variable);
  return before.number(expression) == after.number(expression);
}

std::optional<Exchange> ModuleExchanges::exchange(const SymmetryMember& one, const SymmetryMember& other,
                                                  Difference& difference) {
  Exchange exchange = identity(model_);
  for (std::size_t k = 0; k < one.size(); ++k) {
    std::swap(exchange.module[one[k]], exchange.module[other[k]]);
    if (!pair_variables(model_.modules[one[k]], model_.modules[other[k]], exchange, difference)) return std::nullopt;
  }
  if (!pair_actions(one, other, exchange, difference)) return std::nullopt;
  return exchange;
}

bool ModuleExchanges::pair_variables(const BoundModule& one, const BoundModule& other, Exchange& exchange,
                                     Difference& difference) {
  difference = {other.where, fmt::format("module '{}' has {} variables, '{}' has {}", other.name,
                                         other.variables.size(), one.name, one.variables.size())};
  if (one.variables.size() != other.variables.size()) return false;
  for (std::size_t k = 0; k < one.variables.size(); ++k) {
    const StateVariable& a = model_.variables[one.variables[k]];
    const StateVariable& b = model_.variables[other.variables[k]];
    difference.message = fmt::format("variables '{}' and '{}' have different ranges", a.name, b.name);
    if (!same_range(a, b)) return false;
    std::swap(exchange.variable[one.variables[k]], exchange.variable[other.variables[k]]);
  }
  return true;
}

bool ModuleExchanges::pair_actions(const SymmetryMember& one, const SymmetryMember& other, Exchange& exchange,
                                   Difference& difference) {
  const std::vector<std::size_t> ones = actions_of(one);
  const std::vector<std::size_t> others = actions_of(other);
  const std::vector<std::size_t> first = only_in(ones, others);
  const std::vector<std::size_t> second = only_in(others, ones);
  const BoundModule& copy = model_.modules[other.front()];
  difference = {copy.where, fmt::format("module '{}' has {} actions of its own, '{}' has {}", copy.name, second.size(),
                                        model_.modules[one.front()].name, first.size())};
  if (first.size() != second.size()) return false;
  for (std::size_t k = 0; k < first.size(); ++k) std::swap(exchange.action[first[k]], exchange.action[second[k]]);
  return true;
}

std::vector<std::size_t> ModuleExchanges::actions_of(const SymmetryMember& member) const {
  std::vector<std::size_t> actions;
  for (const BoundCommand& command : model_.commands) {
    if (std::find(member.begin(), member.end(), command.module) == member.end()) continue;
    if (std::find(actions.begin(), actions.end(), command.action) == actions.end()) actions.push_back(command.action);
  }
  return actions;
}

}  // namespace windtunnel::solvers::prism
