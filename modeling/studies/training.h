// SPDX-License-Identifier: Apache-2.0
// The training study: layout, memory, step and links solved together, and the report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/device_chain.h"
#include "modeling/chains/link_chain.h"
#include "modeling/chains/step_chain.h"
#include "modeling/chains/training_step.h"
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
};

PlacedTraining place_training(const Spec& spec, const Machine& machine);

/// Throws NoAnswerError naming every kind of memory when weights, gradients and optimizer alone exceed the device;
/// adds a warning when only the activations do.
void check_memory(const PlacedTraining& placed, const Machine& machine, std::vector<std::string>& warnings);

/// Step and links at their fixed point: the step's traffic loads the links, the links' slowdowns stretch the step.
struct CoupledStep {
  TrainingStep step;
  LinkSolution scale_up;
  LinkSolution scale_out;
  int iterations = 0;
  /// Largest relative change of a slowdown in the last iteration.
  double residual = 0.0;
};
CoupledStep couple_step_and_links(const PlacedTraining& placed, const Machine& machine);

StepChain solve_step_chain(const PlacedTraining& placed, const TrainingStep& step, const Machine& machine);

/// Everything the report of a training study is written from.
struct TrainingAnswer {
  CoupledStep coupled;
  StepChain chain;
  ActivityShares activity;
};
void write_training_report(const PlacedTraining& placed, const TrainingAnswer& answer, const Machine& machine,
                           Report& report);

}  // namespace windtunnel::modeling
