// SPDX-License-Identifier: Apache-2.0
// The training study: layout, memory, step and links solved together, and the report.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/links/link_chain.h"
#include "modeling/chains/step/device_chain.h"
#include "modeling/chains/step/step_chain.h"
#include "modeling/chains/step/training_step.h"
#include "modeling/cluster/memory.h"
#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// The job on the machine: what is run where, and whether it fits.
struct PlacedTraining {
  Model model;
  /// As asked, with `recompute: auto` replaced by the least that fits.
  Training training;
  OperatorGraph graph;
  Placement placement;
  MemoryUse memory;
  Count num_devices = 1;
  /// True: slow devices and links are counted by the health study (`reliability:`), not in the step.
  bool slow_hardware_apart = false;
  /// What one device sends over its scale-out port beside the steps (`checkpoint.network: scale_out`), mean rate.
  double checkpoint_bytes_per_s = 0.0;
};

PlacedTraining place_training(const Spec& spec, const Machine& machine);

/// Throws NoAnswerError naming every kind of memory when weights, gradients and optimizer alone exceed the device;
/// adds a warning when only the activations do.
void check_memory(const PlacedTraining& placed, const Machine& machine, std::vector<std::string>& warnings);

/// Step and links at their fixed point: the step's traffic loads the links, the links' slowdowns stretch the step.
struct StepAtLevel {
  double probability = 1.0;
  TrainingStep step;
  LinkSolution scale_up;
  LinkSolution scale_out;
};
/// One fixed point per level of congestion of the fabric, in growing order; one where nothing is random.
struct CoupledStep {
  FabricLoad fabric;
  FabricCongestion congestion;
  std::vector<StepAtLevel> levels;
  /// Largest of all levels.
  int iterations = 0;
  /// Largest relative change of a slowdown in the last iteration.
  double residual = 0.0;
  /// The least congested level: the program and its records.
  const TrainingStep& step() const { return levels.front().step; }
  /// Mean over the levels of the step without stragglers and stalls.
  double mean_ideal_s() const {
    double sum = 0.0;
    for (const StepAtLevel& level : levels) sum += level.probability * level.step.ideal_s();
    return sum;
  }
};
CoupledStep couple_step_and_links(const PlacedTraining& placed, const Machine& machine);

/// The chains of the ports at one level of congestion, scale-up and scale-out, under the traffic of `step`. They refer
/// to `machine` and `congestion`.
std::array<LinkProblem, 2> link_problems(const PlacedTraining& placed, const TrainingStep& step,
                                         const FabricCongestion& congestion, int level, const Machine& machine);

/// What the step waits for: levels of congestion, a throttled device, a degraded link, and the jitter of the machine.
StepChainProblem step_chain_problem(const PlacedTraining& placed, const CoupledStep& coupled, const Machine& machine);

/// Times in each activity, averaged over the levels.
ActivityProgram average_program(const CoupledStep& coupled, const Placement& placement, double straggler_s);

/// Everything the report of a training study is written from.
struct TrainingAnswer {
  CoupledStep coupled;
  StepChain chain;
  ActivityShares activity;
};
/// The measures that Detail::kMeans has; the same numbers as in the whole report.
void write_training_means(const PlacedTraining& placed, const StepMeans& means, const Machine& machine, Report& report);
void write_training_report(const PlacedTraining& placed, const TrainingAnswer& answer, const Machine& machine,
                           Report& report);

}  // namespace windtunnel::modeling
