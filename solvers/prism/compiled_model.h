// SPDX-License-Identifier: Apache-2.0
// A model as flat tables, ready to be explored: commands in blocks by action, their guards indexed, their rates and
// updates as code over packed states.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "solvers/prism/bound_model.h"
#include "solvers/prism/guard_index.h"
#include "solvers/prism/program.h"

namespace windtunnel::solvers::prism {

/// Sets one field of the packed state to value - lowest.
struct CompiledAssignment {
  SourceLocation where;
  std::size_t variable = 0;
  std::size_t word = 0;
  int shift = 0;
  /// In place.
  std::uint64_t mask = 0;
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
  Code value;
};

struct CompiledAlternative {
  SourceLocation where;
  Code rate;
  /// Positions in CompiledModel::assignments.
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct CompiledCommand {
  /// False: the guard index decides alone.
  bool has_remainder = false;
  Code remainder;
  /// Positions in CompiledModel::alternatives.
  std::size_t begin = 0;
  std::size_t end = 0;
  /// Its block.
  std::size_t block = 0;
};

/// Commands begin .. end - 1 of one module with the block's action.
struct Participant {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// All commands of one action, module by module: one of each module takes part at once. A command without action is a
/// block of its own.
struct Block {
  std::size_t action = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<Participant> participants;
};

struct CompiledReward {
  SourceLocation where;
  std::size_t structure = 0;
  Code guard;
  Code value;
};

struct CompiledModel {
  std::string file;
  std::vector<StateVariable> variables;
  Index words_per_state = 1;
  Program program;
  GuardIndex guards;
  std::vector<Block> blocks;
  std::vector<CompiledCommand> commands;
  std::vector<CompiledAlternative> alternatives;
  std::vector<CompiledAssignment> assignments;
  std::vector<std::string> reward_names;
  std::vector<CompiledReward> state_rewards;
  /// By action.
  std::vector<std::vector<CompiledReward>> transition_rewards;
};

/// Throws InputError when the code gets too long.
CompiledModel compile_model(const BoundModel& model);

}  // namespace windtunnel::solvers::prism
