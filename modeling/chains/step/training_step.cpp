// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step/training_step.h"

#include <algorithm>
#include <optional>

#include "modeling/chains/step/pipeline_graph.h"
#include "solvers/precedence/simulate_graph.h"

namespace windtunnel::modeling {

namespace {

const TemplateTime& of(const TemplateTimes& templates, Segment segment, Pass pass) {
  return templates[static_cast<int>(segment)][static_cast<int>(pass)];
}

/// Sum of a template property over the segments of a chunk, one pass.
template <typename Property>
auto sum_over_chunk(const TemplateTimes& templates, const ModelChunk& chunk, Pass pass, Property property) {
  auto sum = 0.0 * property(of(templates, Segment::kEmbedding, pass));
  for (Segment segment : kAllSegments) {
    if (const double copies = instances(chunk, segment); copies > 0.0)
      sum = sum + copies * property(of(templates, segment, pass));
  }
  return sum;
}

Moments chunk_moments(const TemplateTimes& templates, const ModelChunk& chunk, Pass pass) {
  return sum_over_chunk(templates, chunk, pass, [](const TemplateTime& t) { return t.duration; });
}

std::vector<std::array<double, 2>> host_waits_s(const TemplateTimes& templates, const Placement& placement,
                                                double host_pass_s) {
  std::vector<std::array<double, 2>> waits;
  for (const ModelChunk& chunk : placement.chunks)
    waits.push_back({chunk_host_wait_s(templates, chunk, {Pass::kForward}, host_pass_s),
                     chunk_host_wait_s(templates, chunk, {Pass::kRecompute, Pass::kBackward}, host_pass_s)});
  return waits;
}

Moments backward_moments(const TemplateTimes& templates, const ModelChunk& chunk) {
  return chunk_moments(templates, chunk, Pass::kRecompute) + chunk_moments(templates, chunk, Pass::kBackward);
}

/// `alone`: templates of a micro-batch beside which no other runs, where they differ.
PipelineProblem pipeline_problem(const TrainingStep& step, const std::optional<TemplateTimes>& alone,
                                 const Training& training, const Placement& placement, double hand_over_s) {
  PipelineProblem problem{.schedule = training.schedule,
                          .pipeline = placement.pipeline,
                          .virtual_stages = placement.virtual_stages,
                          .micro_batches = placement.micro_batches,
                          .transfer = {step.transfer.mean_s, step.transfer.variance_s2},
                          .transfer_blocks = step.transfer_blocks,
                          .hand_over_s = hand_over_s};
  for (std::size_t number = 0; number < placement.chunks.size(); ++number) {
    const ModelChunk& chunk = placement.chunks[number];
    const auto& [forward_wait_s, backward_wait_s] = step.host_wait_s[number];
    const Moments forward_wait{forward_wait_s, 0.0}, backward_wait{backward_wait_s, 0.0};
    problem.forward.push_back(chunk_moments(step.templates, chunk, Pass::kForward) + forward_wait);
    problem.backward.push_back(backward_moments(step.templates, chunk) + backward_wait);
    if (!alone) continue;
    problem.forward_alone.push_back(chunk_moments(*alone, chunk, Pass::kForward) + forward_wait);
    problem.backward_alone.push_back(backward_moments(*alone, chunk) + backward_wait);
  }
  for (const ModelChunk& chunk : placement.chunks) {
    problem.deferrable_s.push_back(
        sum_over_chunk(step.templates, chunk, Pass::kBackward, [](const TemplateTime& t) { return t.deferrable_s; }));
  }
  return problem;
}

/// Exchanges with the experts hide behind another micro-batch; while the pipeline fills and drains there is none.
std::optional<TemplateTimes> templates_alone(const OperatorGraph& graph, const ServiceTimes& times,
                                             const Placement& placement, OverlapPolicy policy) {
  bool& hidden = policy.hidden[static_cast<int>(CommGroup::kExpert)];
  if (!hidden || placement.micro_batches == 1) return std::nullopt;
  hidden = false;
  return play_all_templates(graph, times, placement, policy);
}

/// The update work of one pipeline rank.
struct UpdateWork {
  double gradients_s = 0.0;
  double optimizer_s = 0.0;
  double weights_s = 0.0;
};

/// One instance of each template.
using TemplateUpdates = std::array<UpdateWork, kSegments>;

void add_update(UpdateWork& work, const Operator& op, double time_s) {
  if (op.kind != OperatorKind::kCollective)
    work.optimizer_s += time_s;
  else if (op.collective == Collective::kAllGather)
    work.weights_s += time_s;
  else
    work.gradients_s += time_s;
}

TemplateUpdates template_updates(const OperatorGraph& graph, const ServiceTimes& times) {
  TemplateUpdates updates;
  for (Segment segment : kAllSegments) {
    for (int vertex : graph.members(segment, Pass::kUpdate))
      add_update(updates[static_cast<int>(segment)], graph.at(vertex), times[vertex].mean_s);
  }
  return updates;
}

UpdateWork update_work(const TemplateUpdates& updates, const Placement& placement, Count rank) {
  UpdateWork work;
  for (Count v = 0; v < placement.virtual_stages; ++v) {
    const ModelChunk& chunk = placement.chunk(rank, v);
    for (Segment segment : kAllSegments) {
      const double copies = instances(chunk, segment);
      const UpdateWork& one = updates[static_cast<int>(segment)];
      work.gradients_s += copies * one.gradients_s;
      work.optimizer_s += copies * one.optimizer_s;
      work.weights_s += copies * one.weights_s;
    }
  }
  return work;
}

/// Compute time beside which a rank's exchange can hide, and the number of pieces it comes in.
struct HidingPlace {
  double window_s = 0.0;
  double pieces = 1.0;
};

/// `chunk_s`: one pass of one micro-batch through the rank's first chunk.
HidingPlace hiding_place(double chunk_s, const Placement& placement, Count rank) {
  const Count own = placement.chunk(rank, 0).layers();
  const double layers = static_cast<double>(std::max<Count>(1, own));
  const double later_chunks =
      static_cast<double>((placement.virtual_stages - 1) * std::min(placement.pipeline, placement.micro_batches));
  return {.window_s = later_chunks * chunk_s + chunk_s * (layers - 1.0) / layers,
          .pieces = layers * static_cast<double>(placement.virtual_stages)};
}

double exposed_s(double total_s, const HidingPlace& place, bool hidden) {
  return hidden ? std::max(total_s - place.window_s, total_s / place.pieces) : total_s;
}

StepTail step_tail(const OperatorGraph& graph, const ServiceTimes& times, const Placement& placement,
                   const PipelineProblem& problem, const PipelineTime& pipeline, const Machine& machine, bool hidden) {
  StepTail tail{.overhead_s = machine.software.step_overhead_s.value};
  const TemplateUpdates updates = template_updates(graph, times);
  double exchanged_s = pipeline.makespan.mean_s;
  for (Count rank = 0; rank < placement.pipeline; ++rank) {
    const UpdateWork work = update_work(updates, placement, rank);
    const double exposed =
        exposed_s(work.gradients_s, hiding_place(problem.backward[rank].mean_s, placement, rank), hidden);
    exchanged_s = std::max(exchanged_s, pipeline.finish_s[rank] + exposed);
    tail.optimizer_s = std::max(tail.optimizer_s, work.optimizer_s);
    // Later ranks gather their weights while the pipeline fills.
    if (rank == 0)
      tail.weights_exposed_s =
          exposed_s(work.weights_s, hiding_place(problem.forward[rank].mean_s, placement, rank), hidden);
  }
  tail.gradients_exposed_s = exchanged_s - pipeline.makespan.mean_s;
  return tail;
}

void add_traffic(TrafficLoad& load, const TemplateTraffic& traffic, double times) {
  load.transfers += times * traffic.transfers;
  load.total_s += times * traffic.total_s;
  load.exposed_s += times * traffic.exposed_s;
  load.scale_up_busy_s += times * traffic.scale_up_busy_s;
  load.scale_out_busy_s += times * traffic.scale_out_busy_s;
}

/// Traffic of an average device: the chunks of all ranks, divided by the ranks.
std::array<TrafficLoad, kCommGroups> traffic_loads(const TrainingStep& step, const Placement& placement,
                                                   const OverlapPolicy& policy) {
  std::array<TrafficLoad, kCommGroups> loads;
  const double ranks = static_cast<double>(placement.pipeline);
  const double micro_batches = static_cast<double>(placement.micro_batches);
  for (int group = 0; group < kCommGroups; ++group) {
    loads[group].hidden = policy.hidden[group];
    for (const ModelChunk& chunk : placement.chunks) {
      for (Segment segment : kAllSegments) {
        const double copies = instances(chunk, segment);
        for (Pass pass : {Pass::kForward, Pass::kRecompute, Pass::kBackward}) {
          add_traffic(loads[group], of(step.templates, segment, pass).traffic[group], copies * micro_batches / ranks);
        }
        add_traffic(loads[group], of(step.templates, segment, Pass::kUpdate).traffic[group], copies / ranks);
      }
    }
  }
  TrafficLoad& data = loads[static_cast<int>(CommGroup::kData)];
  if (policy.hidden[static_cast<int>(CommGroup::kData)]) data.exposed_s = std::min(data.total_s, data.exposed_s);
  if (placement.pipeline > 1) {
    TrafficLoad& hops = loads[static_cast<int>(CommGroup::kPipeline)];
    const double chunks = static_cast<double>(placement.virtual_stages);
    hops.transfers = 2.0 * micro_batches * chunks;
    hops.total_s = hops.transfers * step.transfer.mean_s;
    hops.exposed_s = step.transfer_blocks ? hops.total_s : 0.0;
    hops.scale_up_busy_s = hops.transfers * step.transfer.scale_up_busy_s;
    hops.scale_out_busy_s = hops.transfers * step.transfer.scale_out_busy_s;
  }
  return loads;
}

/// Largest graph that is simulated, and draws spent on one: tens of milliseconds, a standard deviation within 1 %.
constexpr Count kMostSimulatedNodes = 20'000;
constexpr Count kDraws = 1'000'000;

/// A user's own times may vary by much more than kernels do: then ends that share their past must not be joined as if
/// independent. Moments that carry every covariance still lose a fifth of the standard deviation of 4 stages x 16
/// micro-batches, since each maximum is taken for normal again; so the graph itself is simulated, with one seed, so
/// that neighbouring inputs see the same draws.
Moments with_shared_past(const PipelineProblem& problem, const Moments& independent) {
  const bool has_order =
      problem.schedule != PipelineSchedule::kZeroBubble && problem.schedule != PipelineSchedule::kDualPipe;
  const Count nodes = pipeline_graph_nodes(problem);
  if (!has_order || independent.variance_s2 <= 0.0 || problem.pipeline == 1 || nodes > kMostSimulatedNodes)
    return independent;
  const int samples = static_cast<int>(std::clamp<Count>(kDraws / nodes, 1000, 8000));
  const solvers::MakespanSamples drawn = solvers::simulate_makespan(pipeline_graph(problem), {.samples = samples});
  return {drawn.mean_s().value, drawn.variance_s2().value};
}

}  // namespace

TrainingStep training_step(const OperatorGraph& graph, const Model& model, const Training& training,
                           const Placement& placement, const Machine& machine, const LinkSlowdowns& slowdowns) {
  const ServiceTimes times = service_times(graph, placement, machine, slowdowns);
  return training_step(graph, model, training, placement, machine, times, slowdowns);
}

TrainingStep training_step(const OperatorGraph& graph, const Model& model, const Training& training,
                           const Placement& placement, const Machine& machine, const ServiceTimes& times,
                           const LinkSlowdowns& slowdowns) {
  const OverlapPolicy policy = overlap_policy(machine.software, training);
  TrainingStep step;
  step.templates = play_all_templates(graph, times, placement, policy);
  step.transfer = pipeline_transfer(model, training, placement, machine, slowdowns);
  step.transfer_blocks = !policy.hidden[static_cast<int>(CommGroup::kPipeline)];
  step.host_wait_s = host_waits_s(step.templates, placement, policy.host_pass_s);
  const std::optional<TemplateTimes> alone = templates_alone(graph, times, placement, policy);
  const PipelineProblem problem =
      pipeline_problem(step, alone, training, placement, machine.software.hand_over_s.value);
  step.pipeline = pipeline_time(problem);
  step.tail = step_tail(graph, times, placement, problem, step.pipeline, machine,
                        policy.hidden[static_cast<int>(CommGroup::kData)]);
  step.traffic = traffic_loads(step, placement, policy);
  step.pipeline_problem = problem;
  return step;
}

UpdateOperators update_operators(const OperatorGraph& graph) {
  UpdateOperators operators;
  for (Segment segment : kAllSegments) {
    for (int vertex : graph.members(segment, Pass::kUpdate))
      operators[static_cast<int>(segment)].push_back(graph.at(vertex));
  }
  return operators;
}

double quick_tail_s(const UpdateOperators& operators, const TemplateTimes& templates, const Placement& placement,
                    const Machine& machine, bool hidden) {
  TemplateUpdates updates;
  for (int segment = 0; segment < kSegments; ++segment) {
    for (const Operator& op : operators[segment])
      add_update(updates[segment], op, operator_time(op, placement, machine, LinkSlowdowns{}).mean_s);
  }
  double longest = 0.0;
  for (Count rank = 0; rank < placement.pipeline; ++rank) {
    const UpdateWork work = update_work(updates, placement, rank);
    const ModelChunk& first = placement.chunk(rank, 0);
    const double backward_s =
        (chunk_moments(templates, first, Pass::kRecompute) + chunk_moments(templates, first, Pass::kBackward)).mean_s;
    const double forward_s = chunk_moments(templates, first, Pass::kForward).mean_s;
    const double gradients_s = exposed_s(work.gradients_s, hiding_place(backward_s, placement, rank), hidden);
    const double weights_s =
        rank == 0 ? exposed_s(work.weights_s, hiding_place(forward_s, placement, rank), hidden) : 0.0;
    longest = std::max(longest, gradients_s + work.optimizer_s + weights_s);
  }
  return longest + machine.software.step_overhead_s.value;
}

TrainingStep training_step_from_service_times(const Training& training, const TrainingServiceTimes& times,
                                              const Placement& placement, bool overlap_data) {
  const double pieces = static_cast<double>(placement.virtual_stages);
  const auto moments = [&](double mean_s) {
    const double chunk_s = mean_s / pieces;
    return Moments{chunk_s, times.scv * chunk_s * chunk_s};
  };
  PipelineProblem problem{.schedule = training.schedule,
                          .pipeline = placement.pipeline,
                          .virtual_stages = placement.virtual_stages,
                          .micro_batches = placement.micro_batches,
                          .forward = std::vector<Moments>(placement.chunks.size(), moments(times.forward_s)),
                          .backward = std::vector<Moments>(placement.chunks.size(), moments(times.backward_s)),
                          .transfer = {times.pipeline_transfer_s, 0.0}};
  TrainingStep step;
  step.transfer.mean_s = times.pipeline_transfer_s;
  step.pipeline = pipeline_time(problem);
  step.pipeline.makespan = with_shared_past(problem, step.pipeline.makespan);
  step.pipeline_problem = problem;
  const double window_s = step.pipeline.makespan.mean_s;
  step.tail.gradients_exposed_s =
      overlap_data ? std::max(0.0, times.data_parallel_s - window_s) : times.data_parallel_s;
  return step;
}

}  // namespace windtunnel::modeling
