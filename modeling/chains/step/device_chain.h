// SPDX-License-Identifier: Apache-2.0
// The device chain: the activities of one training step as the states of a cyclic CTMC.
//
// State = what the device does now. In state i it stays T_i / V_i on average, T_i being the time it spends in i per
// step and V_i the number of visits, and leaves for j with rate C_ij / T_i, C_ij being how often a step goes from i to
// j. The program is a cycle, so flow in equals flow out and the stationary probability of i is T_i / sum T: the time
// stack of the step.
#pragma once

#include <array>
#include <vector>

#include "modeling/chains/step/training_step.h"
#include "solvers/chain/generator.h"
#include "solvers/long_run/stationary.h"

namespace windtunnel::modeling {

/// Times in each activity and transitions between activities, per step.
struct ActivityProgram {
  std::array<double, kActivities> time_s{};
  std::array<std::array<double, kActivities>, kActivities> transitions{};
  double total_s() const;
  /// Another program, `times` over.
  void add(const ActivityProgram& part, double times);
};

/// The program of an average device: all pipeline ranks, each a cycle, divided by the ranks. `straggler_s`: mean time
/// lost to slower replicas, slow devices and stalls.
ActivityProgram activity_program(const TrainingStep& step, const Placement& placement, double straggler_s);

struct DeviceChain {
  /// Activities with a positive time, in enumerator order: state k of the generator.
  std::vector<Activity> states;
  solvers::Generator generator;
};

/// Throws ChainError when the program visits fewer than two activities (nothing to solve).
DeviceChain build_device_chain(const ActivityProgram& program);

/// Share of the step in each activity; from the chain where it has two states or more.
struct ActivityShares {
  std::array<double, kActivities> probability{};
  solvers::StationarySolution solution;
  long long states = 0;
  long long transitions = 0;
};
ActivityShares solve_activity_shares(const ActivityProgram& program);

}  // namespace windtunnel::modeling
