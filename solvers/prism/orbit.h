// SPDX-License-Identifier: Apache-2.0
// One state for all that differ only in which copy of a module is in which local state: the copies' local states in
// ascending order.
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/prism/bound_model.h"
#include "solvers/prism/module_symmetry.h"

namespace windtunnel::solvers::prism {

class OrbitSorter {
 public:
  OrbitSorter() = default;
  OrbitSorter(const ModuleSymmetry& symmetry, const BoundModel& model);

  bool empty() const { return groups_.empty(); }

  /// Sorts the copies in the words of a packed state. Allocates nothing.
  void sort(std::uint64_t* state) {
    for (const std::vector<Member>& members : groups_) sort(members, state);
  }

 private:
  /// Where a piece of a member's values is: in the state, and in its key.
  struct Field {
    std::size_t word = 0;
    int shift = 0;
    /// Not shifted.
    std::uint64_t mask = 0;
    int key_shift = 0;
  };
  using Member = std::vector<Field>;

  static Member member(const SymmetryMember& modules, const BoundModel& model);

  static std::uint64_t key_of(const Member& member, const std::uint64_t* state) {
    std::uint64_t key = 0;
    for (const Field& field : member) key |= ((state[field.word] >> field.shift) & field.mask) << field.key_shift;
    return key;
  }

  static void write(const Member& member, std::uint64_t key, std::uint64_t* state) {
    for (const Field& field : member) {
      std::uint64_t& word = state[field.word];
      word = (word & ~(field.mask << field.shift)) | ((key >> field.key_shift) & field.mask) << field.shift;
    }
  }

  /// By insertion: a successor of a sorted state has one or two copies out of order.
  void sort(const std::vector<Member>& members, std::uint64_t* state) {
    bool in_order = true;
    for (std::size_t k = 0; k < members.size(); ++k) {
      const std::uint64_t key = key_of(members[k], state);
      std::size_t at = k;
      for (; at > 0 && keys_[at - 1] > key; --at) keys_[at] = keys_[at - 1];
      keys_[at] = key;
      in_order = in_order && at == k;
    }
    if (in_order) return;
    for (std::size_t k = 0; k < members.size(); ++k) write(members[k], keys_[k], state);
  }

  std::vector<std::vector<Member>> groups_;
  std::vector<std::uint64_t> keys_;
};

}  // namespace windtunnel::solvers::prism
