// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "modeling/spec/spec_error.h"
#include "modeling/studies/resolve_training.h"
#include "modeling/workload/training_graph.h"

namespace windtunnel::modeling {

namespace {

constexpr int kCouplingIterations = 50;
/// Far below the accuracy of any input, far above rounding.
constexpr double kCouplingTolerance = 1e-9;

PlacedTraining place_with(const Spec& spec, const Machine& machine, Recompute recompute, Count micro_batch) {
  PlacedTraining placed{.model = spec.model, .training = *spec.training, .num_devices = spec.cluster.num_devices};
  placed.training.recompute = recompute;
  placed.training.micro_batch = micro_batch;
  resolve_sequence_parallel(placed.training, machine.software);
  resolve_experts(placed.training, placed.model, machine.software);
  placed.graph = build_training_graph(placed.model, placed.training, kernel_traits(machine.software, placed.training));
  placed.placement = place(placed.model, placed.training, machine.profile.scale_up_domain_devices);
  placed.memory = memory_per_device(placed.graph, placed.model, placed.training, placed.placement, machine);
  return placed;
}

bool fits(const PlacedTraining& placed, const Machine& machine) {
  return placed.memory.total_bytes() <= machine.profile.memory.capacity_bytes.value;
}

LinkProblem link_problem(const std::string& name, const TrainingStep& step, bool scale_up, const Machine& machine) {
  LinkProblem problem{.name = name, .classes = link_classes(step.traffic, scale_up), .step_s = step.ideal_s()};
  for (const Component& component : machine.profile.components) {
    if (component.kind == "link" && !scale_up) problem.health = &component;
  }
  return problem;
}

LinkSlowdowns slowdowns_of(const LinkSolution& scale_up, const LinkSolution& scale_out) {
  LinkSlowdowns slowdowns;
  for (int group = 0; group < kCommGroups; ++group)
    slowdowns[group] = {scale_up.slowdown[group], scale_out.slowdown[group]};
  return slowdowns;
}

double largest_change(const LinkSlowdowns& a, const LinkSlowdowns& b) {
  double change = 0.0;
  for (int group = 0; group < kCommGroups; ++group) {
    change = std::max(change, std::abs(a[group].scale_up / b[group].scale_up - 1.0));
    change = std::max(change, std::abs(a[group].scale_out / b[group].scale_out - 1.0));
  }
  return change;
}

TrainingStep step_at(const PlacedTraining& placed, const Machine& machine, const LinkSlowdowns& slowdowns) {
  if (placed.training.service_times) {
    return training_step_from_service_times(placed.training, *placed.training.service_times, placed.placement,
                                            placed.training.overlap.data.value_or(false));
  }
  return training_step(placed.graph, placed.model, placed.training, placed.placement, machine, slowdowns);
}

std::string describe_memory(const MemoryUse& use) {
  const auto gib = [](double bytes) { return bytes / (1024.0 * 1024.0 * 1024.0); };
  return fmt::format(
      "weights {:.1f}, gradients {:.1f}, optimizer {:.1f}, activations {:.1f}, buffers {:.1f}, reserved {:.1f} GiB",
      gib(use.weights_bytes), gib(use.gradients_bytes), gib(use.optimizer_bytes), gib(use.activations_bytes),
      gib(use.buffers_bytes), gib(use.reserved_bytes));
}

/// Share of the pipeline's busy time that is device work rather than exposed communication.
double device_share(const TrainingStep& step, const Placement& placement) {
  const ActivityProgram program = activity_program(step, placement, 0.0);
  const double work =
      program.time_s[static_cast<int>(Activity::kCompute)] + program.time_s[static_cast<int>(Activity::kMemory)];
  const double wait = program.time_s[static_cast<int>(Activity::kPipelineWait)];
  const double tail = step.tail.total_s();
  return work / std::max(program.total_s() - wait - tail, work);
}

double average_wait_share(const PipelineTime& pipeline) {
  double wait = 0.0;
  for (double rank_wait : pipeline.wait_s) wait += rank_wait;
  return wait / (static_cast<double>(pipeline.wait_s.size()) * pipeline.makespan.mean_s);
}

/// The least recomputation that fits with the smallest micro-batch.
Recompute choose_recompute(const Spec& spec, const Machine& machine, Count micro_batch) {
  if (spec.training->recompute != Recompute::kAuto) return spec.training->recompute;
  const TrainingHabits& habits = machine.software.training;
  for (Recompute recompute : {Recompute::kNone, Recompute::kSelective}) {
    if (recompute < habits.least_recompute) continue;
    if (recompute == Recompute::kSelective && habits.selective_recompute == SelectiveRecompute::kNever) continue;
    if (fits(place_with(spec, machine, recompute, micro_batch), machine)) return recompute;
  }
  return Recompute::kFull;
}

}  // namespace

PlacedTraining place_training(const Spec& spec, const Machine& machine) {
  const std::vector<Count> sizes = candidate_micro_batches(*spec.training);
  const Recompute recompute = choose_recompute(spec, machine, sizes.back());
  for (Count micro_batch : sizes) {
    PlacedTraining placed = place_with(spec, machine, recompute, micro_batch);
    if (micro_batch == sizes.back() || fits(placed, machine)) return placed;
  }
  throw std::logic_error("a micro-batch of a spec always has a candidate");
}

void check_memory(const PlacedTraining& placed, const Machine& machine, std::vector<std::string>& warnings) {
  if (placed.training.service_times || fits(placed, machine)) return;
  const double capacity = machine.profile.memory.capacity_bytes.value;
  const std::string story =
      fmt::format("{} of {:.1f} GiB", describe_memory(placed.memory), capacity / (1024.0 * 1024.0 * 1024.0));
  if (placed.memory.state_bytes() + placed.memory.reserved_bytes > capacity) {
    throw NoAnswerError("does not fit: weights, gradients and optimizer alone exceed the device's memory: " + story);
  }
  warnings.push_back("activations do not fit in the device's memory: " + story);
}

CoupledStep couple_step_and_links(const PlacedTraining& placed, const Machine& machine) {
  CoupledStep coupled;
  LinkSlowdowns slowdowns{};
  for (coupled.iterations = 1; coupled.iterations <= kCouplingIterations; ++coupled.iterations) {
    coupled.step = step_at(placed, machine, slowdowns);
    coupled.scale_up = solve_link(link_problem("scale_up", coupled.step, true, machine));
    coupled.scale_out = solve_link(link_problem("scale_out", coupled.step, false, machine));
    const LinkSlowdowns next = slowdowns_of(coupled.scale_up, coupled.scale_out);
    coupled.residual = largest_change(next, slowdowns);
    slowdowns = next;
    if (coupled.residual <= kCouplingTolerance) return coupled;
  }
  throw NoAnswerError(fmt::format("step and links did not settle: slowdowns still change by {:.1e} after {} iterations",
                                  coupled.residual, kCouplingIterations));
}

StepChain solve_step_chain(const PlacedTraining& placed, const TrainingStep& step, const Machine& machine) {
  const Parallelism& p = placed.training.parallelism;
  StepChainProblem problem{.replica = step.pipeline.makespan,
                           .tail_s = step.tail.total_s(),
                           .replicas = p.data,
                           .group_devices = p.tensor * p.context,
                           .devices = placed.num_devices};
  if (!placed.training.service_times) {
    const Jitter& jitter = machine.profile.jitter;
    problem.device_share = device_share(step, placed.placement);
    problem.steady_share = 1.0 - average_wait_share(step.pipeline);
    problem.device_cv = jitter.device_cv.value;
    problem.stall_rate_per_s = jitter.stall_rate_per_s.value;
    problem.stall_mean_s = jitter.stall_time_s.value;
    problem.stall_scv = jitter.stall_scv.value;
  }
  return build_step_chain(problem);
}

}  // namespace windtunnel::modeling
