// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/layout_survey.h"

#include <algorithm>

#include "modeling/studies/training/decisions.h"

namespace windtunnel::modeling {

/// What all layouts with the same layer templates share.
struct LayoutSurvey::Shape {
  OperatorGraph graph;
  TemplateTimes templates;
  TemplateMemory memory;
  UpdateOperators updates;
};

namespace {

/// Everything that changes a forward, recompute or backward template.
std::vector<long long> key_of(const Training& t, const Placement& placement, const OverlapPolicy& policy) {
  const Parallelism& p = t.parallelism;
  const bool sharded = t.zero_stage >= 3;
  return {p.tensor, p.context, p.expert, p.expert_tensor, t.micro_batch, static_cast<long long>(t.recompute),
          static_cast<long long>(t.precision), t.sequence_length, t.sequence_parallel ? 1 : 0,
          static_cast<long long>(1e6 * t.expert_imbalance), sharded ? 1 : 0, sharded ? p.data : 0,
          // One matrix for tied embeddings on one device.
          p.pipeline == 1 ? 1 : 0,
          // Sharding of the update only: kept apart because the graph holds it.
          t.zero_stage == 0 ? 0 : 1,
          // Another micro-batch to exchange tokens beside.
          policy.hidden[static_cast<int>(CommGroup::kExpert)] && placement.micro_batches > 1 ? 1 : 0};
}

struct ChunkWork {
  double forward_s = 0.0;
  double backward_s = 0.0;
};

ChunkWork work_of(const TemplateTimes& templates, const ModelChunk& chunk, double host_pass_s) {
  ChunkWork work{.forward_s = chunk_host_wait_s(templates, chunk, {Pass::kForward}, host_pass_s),
                 .backward_s = chunk_host_wait_s(templates, chunk, {Pass::kRecompute, Pass::kBackward}, host_pass_s)};
  for (const Segment segment : kAllSegments) {
    const double copies = instances(chunk, segment);
    if (copies == 0.0) continue;
    const auto& passes = templates[static_cast<int>(segment)];
    work.forward_s += copies * passes[static_cast<int>(Pass::kForward)].duration.mean_s;
    work.backward_s += copies * (passes[static_cast<int>(Pass::kRecompute)].duration.mean_s +
                                 passes[static_cast<int>(Pass::kBackward)].duration.mean_s);
  }
  return work;
}

/// See the head of layout_survey.h; hand-overs cost a rank its time at every chunk, transfers only while the pipe
/// fills.
double pipeline_s(const TemplateTimes& templates, const Placement& placement, const SoftwareGeneration& software,
                  double transfer_s) {
  const double hand_over_s = software.hand_over_s.value;
  const double host_pass_s = software.training.host_pass_s.value;
  const auto micro_batches = static_cast<double>(placement.micro_batches);
  const double crossing_s = placement.pipeline > 1 ? 2.0 * hand_over_s : 0.0;
  double longest = 0.0;
  double around = 0.0;
  for (Count rank = 0; rank < placement.pipeline; ++rank) {
    double work = 0.0;
    for (Count v = 0; v < placement.virtual_stages; ++v) {
      const ChunkWork chunk = work_of(templates, placement.chunk(rank, v), host_pass_s);
      work += chunk.forward_s + chunk.backward_s + crossing_s;
    }
    longest = std::max(longest, around + micro_batches * work);
    const ChunkWork first = work_of(templates, placement.chunk(rank, 0), host_pass_s);
    around += first.forward_s + first.backward_s + 2.0 * transfer_s + crossing_s;
  }
  return longest;
}

}  // namespace

LayoutSurvey::LayoutSurvey(Model model, Machine machine) : model_(std::move(model)), machine_(std::move(machine)) {}
LayoutSurvey::~LayoutSurvey() = default;

const LayoutSurvey::Shape& LayoutSurvey::shape_of(const Training& training, const Placement& placement,
                                                  const OverlapPolicy& policy) {
  std::unique_ptr<Shape>& shape = shapes_[key_of(training, placement, policy)];
  if (!shape) {
    shape = std::make_unique<Shape>();
    shape->graph = build_training_graph(model_, training, kernel_traits(machine_.software, training));
    shape->templates = play_all_templates(
        shape->graph, service_times(shape->graph, placement, machine_, LinkSlowdowns{}), placement, policy);
    shape->memory = template_memory(shape->graph, model_, training);
    shape->updates = update_operators(shape->graph);
  }
  return *shape;
}

LayoutEstimate LayoutSurvey::estimate(Training training) {
  resolve_sequence_parallel(training, machine_.software);
  resolve_experts(training, model_, machine_.software);
  const Placement placement = place(model_, training, machine_.profile.scale_up_domain_devices);
  const OverlapPolicy policy = overlap_policy(machine_.software, training);
  const Shape& shape = shape_of(training, placement, policy);
  const double transfer_s = pipeline_transfer(model_, training, placement, machine_, LinkSlowdowns{}).mean_s;
  LayoutEstimate estimate;
  estimate.step_s = pipeline_s(shape.templates, placement, machine_.software, transfer_s) +
                    quick_tail_s(shape.updates, shape.templates, placement, machine_,
                                 policy.hidden[static_cast<int>(CommGroup::kData)]);
  estimate.memory_bytes = memory_per_device(shape.memory, training, placement, machine_).total_bytes();
  estimate.fits = estimate.memory_bytes <= machine_.profile.memory.capacity_bytes.value;
  return estimate;
}

}  // namespace windtunnel::modeling
