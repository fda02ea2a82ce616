// SPDX-License-Identifier: Apache-2.0
// One optimizer step of one model replica: templates, chunks, pipeline, gradient exchange, optimizer.
#pragma once

#include <array>
#include <vector>

#include "modeling/chains/step/pipeline.h"
#include "modeling/chains/step/template_schedule.h"

namespace windtunnel::modeling {

/// Communication of one group on the busiest device, per step.
struct TrafficLoad {
  bool hidden = false;
  double transfers = 0.0;
  double total_s = 0.0;
  double exposed_s = 0.0;
  double scale_up_busy_s = 0.0;
  double scale_out_busy_s = 0.0;
};

/// What follows the pipeline: gradient exchange that is not hidden, optimizer, gathering of new weights, host work.
struct StepTail {
  double gradients_exposed_s = 0.0;
  double optimizer_s = 0.0;
  double weights_exposed_s = 0.0;
  double overhead_s = 0.0;
  double total_s() const { return gradients_exposed_s + optimizer_s + weights_exposed_s + overhead_s; }
};

struct TrainingStep {
  TemplateTimes templates;
  OperatorTime transfer;
  bool transfer_blocks = false;
  /// Of one micro-batch in each chunk, beyond the waiting inside its templates, forward and backward.
  std::vector<std::array<double, 2>> host_wait_s;
  /// What the pipeline was solved from.
  PipelineProblem pipeline_problem;
  PipelineTime pipeline;
  StepTail tail;
  std::array<TrafficLoad, kCommGroups> traffic;
  /// Without stragglers and stalls: makespan of the pipeline plus the tail.
  double ideal_s() const { return pipeline.makespan.mean_s + tail.total_s(); }
};

/// Gradients of a chunk may travel once its last micro-batch is through, layer by layer; what the remaining backward
/// work does not cover is exposed, at least the last layer's share (the window of Isaev et al., Calculon, SC'23). The
/// new weights are gathered beside the first forward in the same way.
TrainingStep training_step(const OperatorGraph& graph, const Model& model, const Training& training,
                           const Placement& placement, const Machine& machine, const LinkSlowdowns& slowdowns);
/// The same from the times of its operators under these slowdowns.
TrainingStep training_step(const OperatorGraph& graph, const Model& model, const Training& training,
                           const Placement& placement, const Machine& machine, const ServiceTimes& times,
                           const LinkSlowdowns& slowdowns);

/// The operators of the update pass of each template, found once per graph.
using UpdateOperators = std::array<std::vector<Operator>, kSegments>;
UpdateOperators update_operators(const OperatorGraph& graph);

/// The tail of a step on an idle network, with every gradient exchange as far hidden as its own backward work allows;
/// for surveys of many layouts. At least as long as nothing, at most as long as nothing hidden.
double quick_tail_s(const UpdateOperators& updates, const TemplateTimes& templates, const Placement& placement,
                    const Machine& machine, bool hidden);

/// The same from `training.service_times`: the user's own times and nothing else.
TrainingStep training_step_from_service_times(const Training& training, const TrainingServiceTimes& times,
                                              const Placement& placement, bool overlap_data);

}  // namespace windtunnel::modeling
