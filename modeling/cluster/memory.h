// SPDX-License-Identifier: Apache-2.0
// Device memory of a training layout, by kind, from the operator graph and the pipeline schedule.
#pragma once

#include <array>

#include "modeling/cluster/machine.h"
#include "modeling/cluster/placement.h"
#include "modeling/spec/spec.h"
#include "modeling/workload/local_shape.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

/// Bytes on the fullest device.
struct MemoryUse {
  double weights_bytes = 0.0;
  double gradients_bytes = 0.0;
  double optimizer_bytes = 0.0;
  double activations_bytes = 0.0;
  /// Gradients (ZeRO 2 and 3) and gathered weights (ZeRO 3) in flight, activations on their way to or from the host,
  /// largest temporary tensor.
  double buffers_bytes = 0.0;
  /// Context, communicators, allocator.
  double reserved_bytes = 0.0;

  double state_bytes() const { return weights_bytes + gradients_bytes + optimizer_bytes; }
  double total_bytes() const { return state_bytes() + activations_bytes + buffers_bytes + reserved_bytes; }
};

/// What memory needs of the operator graph, summed once per graph.
struct TemplateMemory {
  /// Activations one instance of a template keeps for its backward pass, and its weights.
  std::array<double, kSegments> saved_bytes{};
  std::array<TemplateParameters, kSegments> parameters{};
  /// Largest temporary tensor; what full recomputation holds of one layer; weights of the largest layer.
  double working_bytes = 0.0;
  double recomputed_bytes = 0.0;
  double largest_layer = 0.0;
};
TemplateMemory template_memory(const OperatorGraph& graph, const Model& model, const Training& training);

/// Weights of one pipeline rank on one device.
TemplateParameters parameters_on_rank(const TemplateMemory& templates, const Placement& placement, Count rank);

/// Chunk activations that rank holds at its peak, counted in (chunk, micro-batch) pairs.
/// 1F1B: pipeline - rank micro-batches (Narayanan et al., arXiv:2104.04473); interleaved: its warm-up plus one.
double activations_in_flight(PipelineSchedule schedule, const Placement& placement, Count rank);

/// Memory of the fullest pipeline rank. Bytes per weight: 2 (16-bit copy), 2 or 4 (gradient, by software), 12 (32-bit
/// weight and two Adam moments), divided by the ranks that share the weight as `zero_stage` says (Rajbhandari et al.,
/// arXiv:1910.02054).
MemoryUse memory_per_device(const TemplateMemory& templates, const Training& training, const Placement& placement,
                            const Machine& machine);
MemoryUse memory_per_device(const OperatorGraph& graph, const Model& model, const Training& training,
                            const Placement& placement, const Machine& machine);

}  // namespace windtunnel::modeling
