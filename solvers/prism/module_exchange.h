// SPDX-License-Identifier: Apache-2.0
// What a model becomes when two sets of its modules change places.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "solvers/prism/bound_model.h"
#include "solvers/prism/canonical_form.h"
#include "solvers/prism/module_symmetry.h"

namespace windtunnel::solvers::prism {

/// What takes the place of each variable, module and action.
struct Exchange {
  std::vector<std::size_t> variable;
  std::vector<std::size_t> module;
  std::vector<std::size_t> action;
};

/// Why two members cannot be exchanged.
struct Difference {
  SourceLocation where;
  std::string message;
};

class ModuleExchanges {
 public:
  /// The model must outlive it.
  explicit ModuleExchanges(const BoundModel& model);

  /// Module k of one member for module k of the other. Actions that only one of the two has are paired in the order of
  /// their first use. Empty when the members differ in their variables or in the number of such actions: then the
  /// reason is in `difference`.
  std::optional<Exchange> exchange(const SymmetryMember& one, const SymmetryMember& other, Difference& difference);

  /// The part of the model that is not the same after the exchange, if any.
  std::optional<Difference> difference(const Exchange& exchange);

  /// Whether the expression means the same after the exchange.
  bool keeps(const std::vector<std::size_t>& variable, const ExpressionPointer& expression);

 private:
  /// Equal for parts of a model that mean the same.
  using Meaning = std::vector<std::size_t>;
  /// A command, label or reward.
  struct Part {
    Meaning meaning;
    SourceLocation where;
    std::string name;
  };

  static std::vector<Meaning> sorted_meanings(const std::vector<Part>& parts);
  std::vector<Part> parts(const Exchange& exchange);
  bool pair_variables(const BoundModule& one, const BoundModule& other, Exchange& exchange, Difference& difference);
  bool pair_actions(const SymmetryMember& one, const SymmetryMember& other, Exchange& exchange, Difference& difference);
  std::vector<std::size_t> actions_of(const SymmetryMember& member) const;

  const BoundModel& model_;
  FormTable table_;
  std::vector<Part> as_written_;
  std::vector<Meaning> meanings_;
};

/// Everything stays where it is.
Exchange identity(const BoundModel& model);

}  // namespace windtunnel::solvers::prism
