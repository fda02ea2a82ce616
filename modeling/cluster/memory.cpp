// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/memory.h"

#include <algorithm>
#include <limits>

#include "modeling/workload/layer_segments.h"

namespace windtunnel::modeling {

namespace {

constexpr double kWeightBytes = 2.0;
constexpr double kOptimizerBytes = 12.0;

/// Largest temporary: one operand of the element-wise operator that moves most (two in, one out).
double working_bytes(const OperatorGraph& graph) {
  double largest = 0.0;
  for (int vertex = 0; vertex < graph.size(); ++vertex) {
    const Operator& op = graph.at(vertex);
    const bool temporary =
        op.kind == OperatorKind::kStream && op.pass != Pass::kUpdate;  // the optimizer works in place
    if (temporary) largest = std::max(largest, op.memory_bytes / 3.0);
  }
  return largest;
}

double largest_layer(const Model& model, const Training& training) {
  double largest = 0.0;
  for (const Segment segment : kLayerSegments) {
    // A dense model has no template with experts.
    if (segment == Segment::kExpertLayer && !model.is_mixture_of_experts()) continue;
    largest = std::max(largest, template_parameters(model, training, segment).total());
  }
  return largest;
}

double recomputed_bytes(const OperatorGraph& graph) {
  double largest = 0.0;
  for (const Segment segment : kLayerSegments)
    largest = std::max(largest, totals(graph, segment, Pass::kRecompute).memory_bytes);
  return largest;
}

/// Activations of one (chunk, micro-batch) pair on this rank, averaged over its chunks.
double chunk_activation_bytes(const TemplateMemory& templates, const Placement& placement, Count rank) {
  double bytes = 0.0;
  for (Count virtual_stage = 0; virtual_stage < placement.virtual_stages; ++virtual_stage) {
    for (Segment segment : kAllSegments) {
      if (segment != Segment::kEmbedding && !is_layer(segment)) continue;
      bytes +=
          instances(placement.chunk(rank, virtual_stage), segment) * templates.saved_bytes[static_cast<int>(segment)];
    }
  }
  return bytes / static_cast<double>(placement.virtual_stages);
}

double largest_saved_bytes(const TemplateMemory& templates) {
  double largest = 0.0;
  for (const Segment segment : kLayerSegments)
    largest = std::max(largest, templates.saved_bytes[static_cast<int>(segment)]);
  return largest;
}

MemoryUse memory_of_rank(const TemplateMemory& templates, const Training& training, const Placement& placement,
                         const Machine& machine, Count rank) {
  const TemplateParameters parameters = parameters_on_rank(templates, placement, rank);
  const Parallelism& p = training.parallelism;
  const double copies = training.schedule == PipelineSchedule::kDualPipe ? 2.0 : 1.0;
  const double sharded = parameters.shared / shared_replicas(p) + parameters.expert / expert_replicas(p);
  /// Weights this device keeps of a state that is sharded from this ZeRO stage on.
  const auto kept = [&](int from_stage) { return training.zero_stage < from_stage ? parameters.total() : sharded; };
  MemoryUse use;
  use.weights_bytes = kWeightBytes * kept(3) * copies;
  const double gradient_bytes = machine.software.training.gradient_bytes.value;
  use.gradients_bytes = gradient_bytes * kept(2) * copies;
  use.optimizer_bytes = kOptimizerBytes * kept(1) * (1.0 - training.offload.optimizer_share);
  use.activations_bytes =
      activations_in_flight(training.schedule, placement, rank) * chunk_activation_bytes(templates, placement, rank);
  use.activations_bytes *= 1.0 - training.offload.activations_share;
  const ModelChunk& last = placement.chunk(rank, placement.virtual_stages - 1);
  for (const Segment segment : {Segment::kHead, Segment::kNextToken})
    use.activations_bytes += instances(last, segment) * templates.saved_bytes[static_cast<int>(segment)];
  use.buffers_bytes = templates.working_bytes;
  // One layer's activations on their way out, one on their way in.
  use.buffers_bytes += 2.0 * training.offload.activations_share * largest_saved_bytes(templates);
  // Two layers on their way, but never more than the rank would hold without sharding.
  const double two_layers = std::min(2.0 * templates.largest_layer, parameters.total() - sharded);
  if (training.zero_stage >= 2) use.buffers_bytes += gradient_bytes * two_layers;
  if (training.zero_stage >= 3) use.buffers_bytes += kWeightBytes * two_layers;
  if (training.recompute == Recompute::kFull) use.buffers_bytes += templates.recomputed_bytes / 2.0;
  use.reserved_bytes = machine.profile.memory.reserved_bytes.value;
  return use;
}

}  // namespace

TemplateMemory template_memory(const OperatorGraph& graph, const Model& model, const Training& training) {
  TemplateMemory memory{.working_bytes = working_bytes(graph),
                        .recomputed_bytes = recomputed_bytes(graph),
                        .largest_layer = largest_layer(model, training)};
  for (Segment segment : kAllSegments) {
    memory.saved_bytes[static_cast<int>(segment)] = totals(graph, segment, Pass::kForward).saved_bytes;
    memory.parameters[static_cast<int>(segment)] = template_parameters(model, training, segment);
  }
  return memory;
}

TemplateParameters parameters_on_rank(const TemplateMemory& templates, const Placement& placement, Count rank) {
  TemplateParameters sum;
  for (Count virtual_stage = 0; virtual_stage < placement.virtual_stages; ++virtual_stage) {
    for (Segment segment : kAllSegments) {
      const double copies = instances(placement.chunk(rank, virtual_stage), segment);
      const TemplateParameters& one = templates.parameters[static_cast<int>(segment)];
      sum.shared += copies * one.shared;
      sum.expert += copies * one.expert;
    }
  }
  return sum;
}

double activations_in_flight(PipelineSchedule schedule, const Placement& placement, Count rank) {
  const double micro_batches = static_cast<double>(placement.micro_batches);
  const double pipeline = static_cast<double>(placement.pipeline);
  const double virtual_stages = static_cast<double>(placement.virtual_stages);
  const double behind = pipeline - static_cast<double>(rank) - 1.0;
  switch (schedule) {
    case PipelineSchedule::kGpipe:
      return micro_batches * virtual_stages;
    case PipelineSchedule::kOneForwardOneBackward:
    case PipelineSchedule::kZeroBubble:
      return std::min(micro_batches, behind + 1.0) * virtual_stages;
    case PipelineSchedule::kInterleaved:
      return std::min(micro_batches * virtual_stages, 2.0 * behind + (virtual_stages - 1.0) * pipeline + 1.0);
    case PipelineSchedule::kDualPipe:
      return std::min(micro_batches, pipeline + 1.0) * virtual_stages;
  }
  return micro_batches * virtual_stages;
}

MemoryUse memory_per_device(const TemplateMemory& templates, const Training& training, const Placement& placement,
                            const Machine& machine) {
  MemoryUse fullest;
  for (Count rank = 0; rank < placement.pipeline; ++rank) {
    const MemoryUse use = memory_of_rank(templates, training, placement, machine, rank);
    if (use.total_bytes() > fullest.total_bytes()) fullest = use;
  }
  return fullest;
}

MemoryUse memory_per_device(const OperatorGraph& graph, const Model& model, const Training& training,
                            const Placement& placement, const Machine& machine) {
  return memory_per_device(template_memory(graph, model, training), training, placement, machine);
}

}  // namespace windtunnel::modeling
