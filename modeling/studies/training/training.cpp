// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/training/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "modeling/spec/parameter_count.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/training/decisions.h"
#include "modeling/workload/training_graph.h"
#include "solvers/phase_type/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

constexpr int kCouplingIterations = 50;
/// Far below the accuracy of any input, far above rounding.
constexpr double kCouplingTolerance = 1e-9;

/// Storage gets the whole state once an interval, the memory of other nodes all copies but the own one.
double checkpoint_bytes_per_s(const Spec& spec) {
  if (!spec.reliability || !spec.reliability->checkpoint_on_scale_out) return 0.0;
  const Reliability& r = *spec.reliability;
  const double size = r.checkpoint_size_bytes.value_or(training_state_bytes(spec.model));
  double rate = r.checkpoint_write_s > 0.0 ? size / *r.checkpoint_interval_s : 0.0;
  if (r.checkpoint_memory)
    rate += size * static_cast<double>(r.checkpoint_memory->copies - 1) / r.checkpoint_memory->interval_s;
  return rate / static_cast<double>(spec.cluster.num_devices);
}

PlacedTraining place_with(const Spec& spec, const Machine& machine, Recompute recompute, Count micro_batch) {
  PlacedTraining placed{.model = spec.model,
                        .training = *spec.training,
                        .num_devices = spec.cluster.num_devices,
                        .slow_hardware_apart = spec.reliability.has_value(),
                        .checkpoint_bytes_per_s = checkpoint_bytes_per_s(spec)};
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

const Component* component(const Machine& machine, const std::string& kind) {
  for (const Component& one : machine.profile.components) {
    if (one.kind == kind) return &one;
  }
  return nullptr;
}

LinkProblem link_problem(const std::string& name, const TrainingStep& step, bool scale_up) {
  return {.name = name, .classes = link_classes(step.traffic, scale_up), .step_s = step.ideal_s()};
}

/// One transfer a step at the full rate of the port. [A] Whatever their true size: independent classes meet as often.
LinkClass checkpoint_class(const PlacedTraining& placed, const Machine& machine, double step_s) {
  const double busy_ratio = placed.checkpoint_bytes_per_s / machine.profile.scale_out.bandwidth_bytes_per_s.value;
  if (busy_ratio >= 1.0)
    throw NoAnswerError(fmt::format("checkpoints need {:.3g} times the scale-out bandwidth of a device", busy_ratio));
  return {.hidden = true, .transfers_per_step = 1.0, .busy_s = busy_ratio * step_s};
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

/// `times`: of the operators, under whatever slowdowns.
TrainingStep step_at(const PlacedTraining& placed, const Machine& machine, ServiceTimes& times,
                     const LinkSlowdowns& slowdowns) {
  if (placed.training.service_times) {
    return training_step_from_service_times(placed.training, *placed.training.service_times, placed.placement,
                                            placed.training.overlap.data.value_or(false));
  }
  retime_collectives(times, placed.graph, placed.placement, machine, slowdowns);
  return training_step(placed.graph, placed.model, placed.training, placed.placement, machine, times, slowdowns);
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

std::array<LinkProblem, 2> link_problems(const PlacedTraining& placed, const TrainingStep& step,
                                         const FabricCongestion& congestion, int level, const Machine& machine) {
  LinkProblem out = link_problem("scale_out", step, false);
  out.health = component(machine, "link");
  out.fabric = &congestion;
  out.level = level;
  if (placed.checkpoint_bytes_per_s > 0.0) out.classes.push_back(checkpoint_class(placed, machine, out.step_s));
  return {link_problem("scale_up", step, true), std::move(out)};
}

namespace {

/// Iterates one level from `slowdowns`, which are left at the fixed point.
StepAtLevel settle(const PlacedTraining& placed, const Machine& machine, ServiceTimes& times, CoupledStep& coupled,
                   int level, LinkSlowdowns& slowdowns) {
  StepAtLevel at{.probability = coupled.congestion.probability(level)};
  for (int iteration = 1; iteration <= kCouplingIterations; ++iteration) {
    at.step = step_at(placed, machine, times, slowdowns);
    const auto [up, out] = link_problems(placed, at.step, coupled.congestion, level, machine);
    at.scale_up = solve_link(up);
    at.scale_out = solve_link(out);
    const LinkSlowdowns next = slowdowns_of(at.scale_up, at.scale_out);
    const double change = largest_change(next, slowdowns);
    slowdowns = next;
    coupled.iterations = std::max(coupled.iterations, iteration);
    if (change > kCouplingTolerance) continue;
    coupled.residual = std::max(coupled.residual, change);
    return at;
  }
  throw NoAnswerError(fmt::format("step and links did not settle in {} iterations", kCouplingIterations));
}

/// Probability that a healthy-or-slow component is in a state of speed strictly between 0 and 1, and its mean speed
/// there; from its own stationary law.
struct SlowState {
  double probability = 0.0;
  double speed_ratio = 1.0;
};

SlowState slow_state(const Component& one) {
  std::vector<solvers::Transition> transitions;
  const auto number = [&](const std::string& name) {
    const auto at = std::find_if(one.states.begin(), one.states.end(), [&](const auto& s) { return s.name == name; });
    return static_cast<int>(at - one.states.begin());
  };
  for (const ComponentTransition& t : one.transitions)
    transitions.push_back({number(t.from), number(t.to), t.rate_per_s.value});
  const auto law = solvers::solve_stationary(solvers::Generator(static_cast<int>(one.states.size()), transitions));
  SlowState slow;
  double up = 0.0;
  double speed = 0.0;
  for (std::size_t k = 0; k < one.states.size(); ++k) {
    const double p = law.probability(static_cast<int>(k));
    if (one.states[k].speed_ratio > 0.0) up += p;
    if (one.states[k].speed_ratio <= 0.0 || one.states[k].speed_ratio >= 1.0) continue;
    slow.probability += p;
    speed += p * one.states[k].speed_ratio;
  }
  if (slow.probability <= 0.0) return {};
  return {slow.probability / up, speed / slow.probability};
}

/// At least one of `count` equal components is slow; more than one at a time counts as one.
SlowState any_of(const std::vector<const Component*>& kinds, double count) {
  for (const Component* one : kinds) {
    if (!one) continue;
    const SlowState each = slow_state(*one);
    if (each.probability > 0.0) return {-std::expm1(count * std::log1p(-each.probability)), each.speed_ratio};
  }
  return {};
}

/// Exposed time of the classes whose pace the scale-out port sets.
double exposed_scale_out_s(const TrainingStep& step) {
  double exposed = 0.0;
  for (const TrafficLoad& load : step.traffic) {
    if (load.scale_out_busy_s > load.scale_up_busy_s) exposed += std::min(load.exposed_s, load.scale_out_busy_s);
  }
  return exposed;
}

/// Phases of a replica without a pipeline that are convolved exactly.
constexpr int kExactPhases = 400;

/// Without a pipeline a replica is nothing but its micro-batches in a row: convolved exactly while that stays small.
std::optional<solvers::Distribution> law_in_a_row(const PlacedTraining& placed) {
  const TrainingServiceTimes& times = *placed.training.service_times;
  if (placed.placement.pipeline > 1 || times.scv <= 0.0) return std::nullopt;
  std::vector<solvers::PhaseType> parts;
  int phases = 0;
  for (const double mean_s : {times.forward_s, times.backward_s}) {
    if (mean_s > 0.0) parts.push_back(solvers::fit_phase_type(mean_s, times.scv));
    if (mean_s > 0.0) phases += parts.back().phases();
  }
  const Count micro_batches = placed.placement.micro_batches;
  if (parts.empty() || phases * micro_batches > kExactPhases) return std::nullopt;
  const std::vector<solvers::PhaseType> one = parts;
  for (Count k = 1; k < micro_batches; ++k) parts.insert(parts.end(), one.begin(), one.end());
  return solvers::distribution_of(solvers::convolution(parts));
}

StepCondition condition_of(const PlacedTraining& placed, const StepAtLevel& level) {
  StepCondition c{
      .probability = level.probability, .replica = level.step.pipeline.makespan, .tail_s = level.step.tail.total_s()};
  if (placed.training.service_times) {
    c.replica_law = law_in_a_row(placed);
    return c;
  }
  c.device_share = device_share(level.step, placed.placement);
  c.steady_share = 1.0 - average_wait_share(level.step.pipeline);
  return c;
}

/// Replaces a share of every condition by its slow form.
template <typename MakeSlow>
void split_off(std::vector<StepCondition>& conditions, double probability, MakeSlow&& make_slow) {
  if (probability <= 0.0) return;
  const std::size_t before = conditions.size();
  for (std::size_t k = 0; k < before; ++k) {
    StepCondition slow = conditions[k];
    slow.probability *= probability;
    make_slow(slow);
    conditions[k].probability *= 1.0 - probability;
    conditions.push_back(slow);
  }
}

void add_slow_hardware(std::vector<StepCondition>& conditions, const PlacedTraining& placed, const CoupledStep& coupled,
                       const Machine& machine) {
  const double devices = static_cast<double>(placed.num_devices);
  const std::size_t levels = conditions.size();
  const SlowState link = any_of({component(machine, "link")}, devices);
  const double stretch_s = (1.0 / link.speed_ratio - 1.0) * exposed_scale_out_s(coupled.step());
  const SlowState device =
      any_of({component(machine, "gpu"), component(machine, "npu"), component(machine, "tpu")}, devices);
  if (stretch_s > 0.0) split_off(conditions, link.probability, [&](StepCondition& c) { c.tail_s += stretch_s; });
  // A device and a link at a time: second order, left out.
  std::vector<StepCondition> healthy(conditions.begin(), conditions.begin() + static_cast<std::ptrdiff_t>(levels));
  const std::vector<StepCondition> rest(conditions.begin() + static_cast<std::ptrdiff_t>(levels), conditions.end());
  split_off(healthy, device.probability, [&](StepCondition& c) { c.slowest_speed_ratio = device.speed_ratio; });
  healthy.insert(healthy.end(), rest.begin(), rest.end());
  conditions = std::move(healthy);
}

}  // namespace

CoupledStep couple_step_and_links(const PlacedTraining& placed, const Machine& machine) {
  CoupledStep coupled;
  const Fabric& fabric = machine.profile.fabric;
  if (!placed.training.service_times) {
    coupled.fabric = fabric_load(machine.profile, placed.num_devices, fabric_classes(placed.graph, placed.placement));
    if (!never_congested(fabric)) coupled.congestion = FabricCongestion(coupled.fabric, fabric);
  }
  LinkSlowdowns slowdowns{};
  ServiceTimes times;
  if (!placed.training.service_times) times = service_times(placed.graph, placed.placement, machine, slowdowns);
  for (int level = 0; level < coupled.congestion.levels(); ++level)
    coupled.levels.push_back(settle(placed, machine, times, coupled, level, slowdowns));
  return coupled;
}

StepChainProblem step_chain_problem(const PlacedTraining& placed, const CoupledStep& coupled, const Machine& machine) {
  const Parallelism& p = placed.training.parallelism;
  const Count per_node = machine.profile.devices_per_node;
  StepChainProblem problem{.replicas = p.data,
                           .stages = p.pipeline,
                           .group_devices = p.tensor * p.context,
                           .devices = placed.num_devices,
                           .nodes = (placed.num_devices + per_node - 1) / per_node};
  for (const StepAtLevel& level : coupled.levels) problem.conditions.push_back(condition_of(placed, level));
  if (placed.training.service_times) return problem;
  if (!placed.slow_hardware_apart) add_slow_hardware(problem.conditions, placed, coupled, machine);
  const Jitter& jitter = machine.profile.jitter;
  problem.device_cv = jitter.device_cv.value;
  problem.pause_rate_per_s = jitter.pause_rate_per_s.value;
  problem.pause_mean_s = jitter.pause_time_s.value;
  problem.pause_scv = jitter.pause_scv.value;
  problem.stall_rate_per_s = jitter.stall_rate_per_s.value;
  problem.stall_mean_s = jitter.stall_time_s.value;
  problem.stall_scv = jitter.stall_scv.value;
  return problem;
}

ActivityProgram average_program(const CoupledStep& coupled, const Placement& placement, double straggler_s) {
  ActivityProgram average;
  for (const StepAtLevel& level : coupled.levels)
    average.add(activity_program(level.step, placement, straggler_s), level.probability);
  return average;
}

}  // namespace windtunnel::modeling
