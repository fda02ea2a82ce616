// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/tied_modules.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace windtunnel::solvers::prism {
namespace {

/// Equal for doubles.
using Shape = std::vector<std::tuple<bool, std::int64_t, std::int64_t>>;

Shape shape_of(const BoundModel& model, std::size_t module) {
  Shape shape;
  for (const std::size_t v : model.modules[module].variables) {
    const StateVariable& variable = model.variables[v];
    shape.emplace_back(variable.is_boolean, variable.lowest, variable.highest);
  }
  return shape;
}

void add_variables(const ExpressionPointer& expression, std::set<std::size_t>& variables) {
  for (const std::size_t v : variables_of(expression)) variables.insert(v);
}

std::set<std::size_t> variables_of(const BoundCommand& command) {
  std::set<std::size_t> variables;
  add_variables(command.guard, variables);
  for (const BoundAlternative& alternative : command.alternatives) {
    add_variables(alternative.rate, variables);
    for (const BoundAssignment& assignment : alternative.assignments) add_variables(assignment.value, variables);
  }
  return variables;
}

class Ties {
 public:
  Ties(const BoundModel& model, const std::vector<std::size_t>& modules)
      : model_(model), parent_(model.modules.size()), owner_(model.variables.size(), kNobody) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    for (const std::size_t m : modules) {
      if (!model.modules[m].variables.empty()) doubles_[shape_of(model, m)].push_back(m);
    }
    std::erase_if(doubles_, [](const auto& shape) { return shape.second.size() < 2; });
    for (const auto& [shape, same] : doubles_) {
      for (const std::size_t m : same) {
        for (const std::size_t v : model.modules[m].variables) owner_[v] = m;
      }
    }
  }

  std::vector<SymmetryMember> found() {
    tie_by_actions();
    for (const BoundCommand& command : model_.commands) {
      if (has_double(command.module)) tie_by_reading(command);
    }
    std::map<std::size_t, SymmetryMember> sets;
    for (const auto& [shape, same] : doubles_) {
      for (const std::size_t m : same) sets[first_of(m)].push_back(m);
    }
    std::vector<SymmetryMember> result;
    for (auto& [first, members] : sets) {
      if (members.size() > 1) result.push_back(std::move(members));
    }
    return result;
  }

 private:
  static constexpr std::size_t kNobody = ~std::size_t{0};

  bool has_double(std::size_t module) const {
    const std::vector<std::size_t>& own = model_.modules[module].variables;
    return !own.empty() && owner_[own.front()] == module;
  }

  void tie_by_actions() {
    std::vector<std::set<std::size_t>> users(model_.actions.size());
    for (const BoundCommand& command : model_.commands) {
      if (command.action != 0 && has_double(command.module)) users[command.action].insert(command.module);
    }
    for (const std::set<std::size_t>& modules : users) {
      if (modules.size() == 2) tie(*modules.begin(), *modules.rbegin());
    }
  }

  void tie_by_reading(const BoundCommand& command) {
    std::map<Shape, std::set<std::size_t>> read;
    for (const std::size_t v : variables_of(command)) {
      if (owner_[v] != kNobody && owner_[v] != command.module) {
        read[shape_of(model_, owner_[v])].insert(owner_[v]);
      }
    }
    for (const auto& [shape, modules] : read) {
      if (modules.size() == 1 && shape != shape_of(model_, command.module)) tie(command.module, *modules.begin());
    }
  }

  /// Sets as trees, each named by its root. Source: Tarjan, Journal of the ACM 22(2), 1975.
  std::size_t first_of(std::size_t module) {
    while (parent_[module] != module) module = parent_[module] = parent_[parent_[module]];
    return module;
  }
  void tie(std::size_t one, std::size_t other) {
    const std::size_t first = std::min(first_of(one), first_of(other));
    const std::size_t second = std::max(first_of(one), first_of(other));
    parent_[second] = first;
  }

  const BoundModel& model_;
  std::map<Shape, std::vector<std::size_t>> doubles_;
  /// The root of the set, or a module nearer to it.
  std::vector<std::size_t> parent_;
  /// Of each variable, if that module has a double.
  std::vector<std::size_t> owner_;
};

}  // namespace

std::vector<SymmetryMember> tied_modules(const BoundModel& model, const std::vector<std::size_t>& modules) {
  return Ties(model, modules).found();
}

}  // namespace windtunnel::solvers::prism
