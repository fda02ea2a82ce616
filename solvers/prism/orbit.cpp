// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/orbit.h"

#include <algorithm>

namespace windtunnel::solvers::prism {

OrbitSorter::OrbitSorter(const ModuleSymmetry& symmetry, const BoundModel& model) {
  for (const std::vector<SymmetryMember>& group : symmetry.groups) {
    std::vector<Member> members;
    for (const SymmetryMember& modules : group) members.push_back(member(modules, model));
    keys_.resize(std::max(keys_.size(), members.size()));
    groups_.push_back(std::move(members));
  }
}

OrbitSorter::Member OrbitSorter::member(const SymmetryMember& modules, const BoundModel& model) {
  Member fields;
  int key_shift = 0;
  for (const std::size_t module : modules) {
    for (const std::size_t number : model.modules[module].variables) {
      const StateVariable& variable = model.variables[number];
      if (variable.bits == 0) continue;
      const std::uint64_t mask = ~std::uint64_t{0} >> (64 - variable.bits);
      fields.push_back({static_cast<std::size_t>(variable.word), variable.shift, mask, key_shift});
      key_shift += variable.bits;
    }
  }
  return fields;
}

}  // namespace windtunnel::solvers::prism
