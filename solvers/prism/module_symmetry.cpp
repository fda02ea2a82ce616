// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/module_symmetry.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "solvers/prism/module_exchange.h"
#include "solvers/prism/tied_modules.h"

namespace windtunnel::solvers::prism {
namespace {

/// A member's values are compared as one machine word.
constexpr int kMostBits = 64;

[[noreturn]] void fail(const std::string& message) {
  throw InputError("--symmetry", {}, message);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else if (c != ' ') {
      parts.back() += c;
    }
  }
  return parts;
}

std::size_t module_named(const BoundModel& model, const std::string& name) {
  std::vector<std::string> names;
  for (std::size_t m = 0; m < model.modules.size(); ++m) {
    if (model.modules[m].name == name) return m;
    names.push_back(model.modules[m].name);
  }
  fail(fmt::format("found '{}', expected a module, one of {}", name, fmt::join(names, ", ")));
}

int bits_of(const SymmetryMember& member, const BoundModel& model) {
  int bits = 0;
  for (const std::size_t module : member) {
    for (const std::size_t variable : model.modules[module].variables) bits += model.variables[variable].bits;
  }
  return bits;
}

std::string name_of(const SymmetryMember& member, const BoundModel& model) {
  std::vector<std::string> names;
  for (const std::size_t module : member) names.push_back(model.modules[module].name);
  return fmt::format("{}", fmt::join(names, "+"));
}

void require_fitting_bits(const SymmetryMember& member, const BoundModel& model) {
  const int bits = bits_of(member, model);
  if (bits <= kMostBits) return;
  fail(fmt::format("the variables of '{}' have {} bits, expected at most {}", name_of(member, model), bits, kMostBits));
}

std::vector<SymmetryMember> members_of(const BoundModel& model, const std::string& group, std::set<std::size_t>& used) {
  std::vector<SymmetryMember> members;
  for (const std::string& names : split(group, ',')) {
    SymmetryMember member;
    for (const std::string& name : split(names, '+')) {
      member.push_back(module_named(model, name));
      if (!used.insert(member.back()).second) fail("module '" + name + "' is named twice");
    }
    members.push_back(std::move(member));
  }
  if (members.size() < 2) fail("found '" + group + "', expected two modules or more, such as m1,m2");
  return members;
}

bool starts_alike(const BoundModel& model, const std::vector<std::size_t>& exchange) {
  if (model.initial_states != nullptr) return true;  // is a part of the model that the exchange keeps
  for (std::size_t v = 0; v < exchange.size(); ++v) {
    if (model.initial[v] != model.initial[exchange[v]]) return false;
  }
  return true;
}

class SymmetrySearch {
 public:
  explicit SymmetrySearch(const BoundModel& model) : model_(model), exchanges_(model) {}

  ModuleSymmetry declared(const std::vector<std::string>& groups) {
    std::set<std::size_t> used;
    for (const std::string& group : groups) {
      const std::vector<SymmetryMember> members = members_of(model_, group, used);
      for (std::size_t k = 1; k < members.size(); ++k) require_same(members.front(), members[k]);
      result_.groups.push_back(members);
    }
    return std::move(result_);
  }

  ModuleSymmetry detected(std::span<const ExpressionPointer> kept) {
    std::vector<SymmetryMember> single;
    for (std::size_t m = 0; m < model_.modules.size(); ++m) single.push_back({m});
    group(single, kept);
    std::vector<std::size_t> alone;
    for (std::size_t m = 0; m < model_.modules.size(); ++m) {
      if (!is_grouped(m)) alone.push_back(m);
    }
    group(tied_modules(model_, alone), kept);
    return std::move(result_);
  }

 private:
  void require_same(const SymmetryMember& one, const SymmetryMember& other) {
    const std::string names =
        fmt::format("when '{}' and '{}' are exchanged", name_of(one, model_), name_of(other, model_));
    if (one.size() != other.size()) fail("different numbers of modules " + names);
    require_fitting_bits(one, model_);
    Difference unlike;
    const std::optional<Exchange> exchange = exchanges_.exchange(one, other, unlike);
    if (!exchange.has_value()) throw InputError(model_.file, unlike.where, unlike.message + ": no symmetry " + names);
    if (const std::optional<Difference> part = exchanges_.difference(*exchange)) {
      throw InputError(model_.file, part->where, part->message + " has no counterpart " + names);
    }
    keep(*exchange);
  }

  /// Members that can be exchanged, in groups.
  void group(const std::vector<SymmetryMember>& candidates, std::span<const ExpressionPointer> kept) {
    std::vector<std::vector<SymmetryMember>> classes;
    for (const SymmetryMember& member : candidates) {
      if (has_variables(member) && bits_of(member, model_) <= kMostBits) join_a_class(member, kept, classes);
    }
    for (std::vector<SymmetryMember>& members : classes) {
      if (members.size() > 1) result_.groups.push_back(std::move(members));
    }
  }

  bool has_variables(const SymmetryMember& member) const { return !model_.modules[member.front()].variables.empty(); }

  bool is_grouped(std::size_t module) const {
    const auto has = [&](const SymmetryMember& member) {
      return std::find(member.begin(), member.end(), module) != member.end();
    };
    return std::any_of(result_.groups.begin(), result_.groups.end(),
                       [&](const auto& members) { return std::any_of(members.begin(), members.end(), has); });
  }

  void join_a_class(const SymmetryMember& member, std::span<const ExpressionPointer> kept,
                    std::vector<std::vector<SymmetryMember>>& classes) {
    for (std::vector<SymmetryMember>& members : classes) {
      if (member.size() != members.front().size()) continue;
      Difference ignored;
      const std::optional<Exchange> exchange = exchanges_.exchange(members.front(), member, ignored);
      if (!exchange.has_value() || exchanges_.difference(*exchange).has_value()) continue;
      const auto same = [&](const ExpressionPointer& e) { return exchanges_.keeps(exchange->variable, e); };
      if (!std::all_of(kept.begin(), kept.end(), same)) continue;
      keep(*exchange);
      members.push_back(member);
      return;
    }
    classes.push_back({member});
  }

  void keep(const Exchange& exchange) {
    result_.starts_alike = result_.starts_alike && starts_alike(model_, exchange.variable);
    result_.exchanges.push_back(exchange.variable);
  }

  const BoundModel& model_;
  ModuleExchanges exchanges_;
  ModuleSymmetry result_;
};

}  // namespace

ModuleSymmetry declared_symmetry(const BoundModel& model, const std::vector<std::string>& groups) {
  return SymmetrySearch(model).declared(groups);
}

ModuleSymmetry detected_symmetry(const BoundModel& model, std::span<const ExpressionPointer> kept) {
  return SymmetrySearch(model).detected(kept);
}

bool is_symmetric(const ModuleSymmetry& symmetry, const ExpressionPointer& expression) {
  FormTable table;
  const auto number = [&](const std::vector<std::size_t>& variable) {
    return FormReader(table, variable).number(expression);
  };
  if (symmetry.exchanges.empty()) return true;
  std::vector<std::size_t> unchanged(symmetry.exchanges.front().size());
  for (std::size_t k = 0; k < unchanged.size(); ++k) unchanged[k] = k;
  const std::size_t as_written = number(unchanged);
  return std::all_of(symmetry.exchanges.begin(), symmetry.exchanges.end(),
                     [&](const std::vector<std::size_t>& exchange) { return number(exchange) == as_written; });
}

std::vector<std::string> group_names(const ModuleSymmetry& symmetry, const BoundModel& model) {
  std::vector<std::string> groups;
  for (const std::vector<SymmetryMember>& members : symmetry.groups) {
    std::vector<std::string> names;
    for (const SymmetryMember& member : members) names.push_back(name_of(member, model));
    groups.push_back(fmt::format("{}", fmt::join(names, ",")));
  }
  return groups;
}

}  // namespace windtunnel::solvers::prism
