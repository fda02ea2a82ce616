// SPDX-License-Identifier: Apache-2.0
// Modules that are copies of one another, and that everything else in the model treats alike: exchanging two of them
// turns the set of commands, labels and rewards into itself. It does not matter then which copy is in which state, only
// how many copies are: the chain of these counts is an exact lumping of the whole chain.
// Source: M. Kwiatkowska, G. Norman, D. Parker, Symmetry reduction for probabilistic model checking, CAV 2006; lumping
// by a group of automorphisms: P. Buchholz, Exact and ordinary lumpability in finite Markov chains, Journal of Applied
// Probability 31, 1994.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "solvers/prism/bound_model.h"

namespace windtunnel::solvers::prism {

/// Modules that move together, by number: a machine, or a machine and its buffer.
using SymmetryMember = std::vector<std::size_t>;

struct ModuleSymmetry {
  /// Of each group its members, any two of which can be exchanged; module k of a member goes with module k of the
  /// other. No module is in two members.
  std::vector<std::vector<SymmetryMember>> groups;
  /// exchanges[e][v]: the variable that takes the place of variable v. All permutations follow from these.
  std::vector<std::vector<std::size_t>> exchanges;
  /// Whether all copies start alike. When they do not, the label "init" is no property of the counts.
  bool starts_alike = true;

  bool empty() const { return groups.empty(); }
};

/// Groups written as `m1,m2,m3`, members of several modules as `m1+b1,m2+b2`. Throws InputError "--symmetry: ..." for
/// names that are no modules, and in the model's file at the part that tells two members apart.
ModuleSymmetry declared_symmetry(const BoundModel& model, const std::vector<std::string>& groups);

/// The largest groups of single modules under which the model and each of the bound expressions `kept` stay the same;
/// then, of the modules left over, groups of those that hang together (tied_modules.h).
ModuleSymmetry detected_symmetry(const BoundModel& model, std::span<const ExpressionPointer> kept);

/// Whether the bound expression means the same after every exchange.
bool is_symmetric(const ModuleSymmetry& symmetry, const ExpressionPointer& expression);

/// `m1, m2, m3` of each group.
std::vector<std::string> group_names(const ModuleSymmetry& symmetry, const BoundModel& model);

}  // namespace windtunnel::solvers::prism
