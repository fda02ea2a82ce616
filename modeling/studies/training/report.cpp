// SPDX-License-Identifier: Apache-2.0
// What the training study says: measures, time stack, memory stack, links, chains, assumptions, and one finding.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/costs/operator_cost.h"
#include "modeling/studies/training/network_report.h"
#include "modeling/studies/training/roofline.h"
#include "modeling/studies/training/training.h"
#include "modeling/workload/model_flop.h"

namespace windtunnel::modeling {

namespace {

/// Relative accuracy of quantiles above the floor, from the contract of solvers::PhaseTypeCurve.
constexpr double kQuantileBound = 1e-12;

double tokens_per_step(const Training& training) {
  return static_cast<double>(training.global_batch) * static_cast<double>(training.sequence_length);
}

/// Measures of the step's time, then of the work done in it; the work is unknown where the spec gives times and no
/// model.
std::vector<Measure> mean_measures(const PlacedTraining& placed, double mean_s, const Machine& machine) {
  const double device_s = mean_s * static_cast<double>(placed.num_devices);
  const double peak = precision_roof(machine.profile.compute, placed.training.precision).peak_flop_per_s;
  const auto known_if = [](bool known, double value) { return known ? std::optional(value) : std::nullopt; };
  const bool has_model = placed.model.hidden_size > 0 && placed.training.sequence_length > 0;
  const bool has_memory = !placed.training.service_times.has_value();
  const double flop_rate = model_flop_per_step(placed.model, placed.training) / device_s;
  const double used = placed.memory.total_bytes();
  std::vector<Measure> measures = {
      {"step_time_mean_s", mean_s},
      {"tokens_per_s_per_device",
       known_if(placed.training.sequence_length > 0, tokens_per_step(placed.training) / device_s)},
      {"model_flop_per_s_per_device", known_if(has_model, flop_rate)},
      {"mfu_ratio", known_if(has_model, flop_rate / peak)},
      {"memory_per_device_bytes", known_if(has_memory, used)},
      {"memory_fits", known_if(has_memory, used <= machine.profile.memory.capacity_bytes.value ? 1.0 : 0.0)},
  };
  if (placed.training.tokens)
    measures.push_back({"time_to_train_mean_s", *placed.training.tokens / tokens_per_step(placed.training) * mean_s});
  return measures;
}

std::vector<Measure> training_measures(const PlacedTraining& placed, const TrainingAnswer& answer,
                                       const Machine& machine) {
  const StepChain& chain = answer.chain;
  std::vector<Measure> measures = mean_measures(placed, chain.mean_s, machine);
  const std::vector<Measure> law = {{"step_time_std_s", chain.std_s},
                                    {"step_time_p50_s", chain.p50_s},
                                    {"step_time_p95_s", chain.p95_s},
                                    {"step_time_p99_s", chain.p99_s}};
  measures.insert(measures.begin() + 1, law.begin(), law.end());
  if (placed.training.tokens) {
    // The sum of many independent steps is nearly normal; 2.3263 is the 99 % point of the standard normal.
    const double steps = *placed.training.tokens / tokens_per_step(placed.training);
    const double mean_s = steps * chain.mean_s;
    measures.push_back({"time_to_train_p50_s", mean_s});
    measures.push_back({"time_to_train_p99_s", mean_s + 2.3263478740408408 * std::sqrt(steps) * chain.std_s});
  }
  return measures;
}

Breakdown activity_breakdown(const ActivityShares& shares) {
  Breakdown breakdown{.name = "activity"};
  for (int activity = 0; activity < kActivities; ++activity) {
    breakdown.entries.push_back({std::string(kActivityNames[activity]), shares.probability[activity]});
  }
  return breakdown;
}

Breakdown memory_breakdown(const MemoryUse& use) {
  return {.name = "memory_bytes",
          .entries = {{"weights", use.weights_bytes},
                      {"gradients", use.gradients_bytes},
                      {"optimizer", use.optimizer_bytes},
                      {"activations", use.activations_bytes},
                      {"buffers", use.buffers_bytes},
                      {"reserved", use.reserved_bytes}}};
}

/// How the fixed point of step and links ended.
Breakdown coupling_breakdown(const CoupledStep& coupled) {
  return {.name = "coupling", .entries = {{"iterations", coupled.iterations}, {"residual_ratio", coupled.residual}}};
}

/// What independence at the joins of the pipeline can be off by: constant times bound the mean from below (Jensen),
/// independent ends from above (association). Schedules that split the backward pass count none.
Breakdown bounds_breakdown(const TrainingStep& step) {
  PipelineProblem constant = step.pipeline_problem;
  for (auto* times : {&constant.forward, &constant.backward}) {
    for (Moments& m : *times) m.variance_s2 = 0.0;
  }
  constant.transfer.variance_s2 = 0.0;
  return {.name = "pipeline_bounds_s",
          .entries = {{"lower", pipeline_time(constant).makespan.mean_s},
                      {"used", step.pipeline.makespan.mean_s},
                      {"upper", pipeline_time(step.pipeline_problem).makespan.mean_s}}};
}

Breakdown jitter_breakdown(const StepChain& chain) {
  return {.name = "jitter_s",
          .entries = {{"slowest_replica", chain.replica_wait_s},
                      {"slowest_device", chain.slow_device_s},
                      {"longest_pause", chain.pause_s},
                      {"stalls", chain.stall_s},
                      {"between_jobs_std", chain.between_jobs_std_s}}};
}

ChainRecord record(const std::string& name, const std::string& purpose, long long states, long long transitions,
                   const solvers::StationarySolution& solution) {
  return {.name = name,
          .purpose = purpose,
          .states = states,
          .transitions = transitions,
          .method_requested = to_string(solution.method_requested),
          .method_used = to_string(solution.method_used),
          .iterations = solution.iterations,
          .residual = solution.residual_ratio(),
          .error_bound = solution.error_bound};
}

std::vector<ChainRecord> chain_records(const PlacedTraining& placed, const TrainingAnswer& answer) {
  std::vector<ChainRecord> records;
  if (!placed.training.service_times) {
    ChainRecord device = record("device", "time stack of one device", answer.activity.states,
                                answer.activity.transitions, answer.activity.solution);
    for (int activity = 0; activity < kActivities; ++activity) {
      const double p = answer.activity.probability[activity];
      if (p > 0.0) device.state_probabilities.push_back({std::string(kActivityNames[activity]), p});
    }
    records.push_back(device);
    for (const auto& [name, link] : {std::pair("link.scale_up", &answer.coupled.levels.front().scale_up),
                                     std::pair("link.scale_out", &answer.coupled.levels.front().scale_out)}) {
      if (link->states > 0)
        records.push_back(
            record(name, "traffic classes sharing one port", link->states, link->transitions, link->solution));
    }
  }
  records.push_back({.name = "step",
                     .purpose = "time of one step, whole job",
                     .states = answer.chain.states,
                     .transitions = answer.chain.transitions,
                     .method_requested = "automatic",
                     .method_used = "mixture of phase-type laws: order statistics, convolution, uniformization",
                     .residual = 0.0,
                     .error_bound = kQuantileBound});
  return records;
}

std::vector<Assumption> assumptions(const PlacedTraining& placed, const Machine& machine) {
  const HardwareProfile& profile = machine.profile;
  std::vector<Assumption> list;
  const auto add = [&](const std::string& name, const Figure& figure, const std::string& unit) {
    list.push_back({name, figure.value, unit, to_string(figure.evidence), figure.source});
  };
  const auto index = static_cast<std::size_t>(placed.training.precision);
  if (profile.compute.peak_flop_per_s[index])
    add("compute.peak." + to_string(placed.training.precision), *profile.compute.peak_flop_per_s[index], "FLOP/s");
  add("compute.gemm.compute_ratio", precision_roof(profile.compute, placed.training.precision).efficiency.compute_ratio,
      "ratio");
  add("memory.bandwidth", profile.memory.bandwidth_bytes_per_s, "bytes/s");
  add("scale_up.bandwidth", profile.scale_up.bandwidth_bytes_per_s, "bytes/s");
  add("scale_up.efficiency_ratio", profile.scale_up.efficiency_ratio, "ratio");
  add("scale_out.bandwidth", profile.scale_out.bandwidth_bytes_per_s, "bytes/s");
  add("scale_out.efficiency_ratio", profile.scale_out.efficiency_ratio, "ratio");
  add("software." + machine.software.name + ".launch", machine.software.launch_s, "s");
  add("jitter.operator_cv", profile.jitter.operator_cv, "ratio");
  add("jitter.device_cv", profile.jitter.device_cv, "ratio");
  add("fabric.oversubscription", profile.fabric.oversubscription, "ratio");
  add("jitter.pause_rate", profile.jitter.pause_rate_per_s, "/s");
  add("jitter.stall_rate", profile.jitter.stall_rate_per_s, "/s");
  return list;
}

std::string describe(Activity activity) {
  switch (activity) {
    case Activity::kCompute:
      return "arithmetic";
    case Activity::kMemory:
      return "memory traffic";
    case Activity::kTensorComm:
      return "exposed tensor-parallel communication";
    case Activity::kExpertComm:
      return "exposed expert communication";
    case Activity::kContextComm:
      return "exposed context-parallel communication";
    case Activity::kPipelineWait:
      return "the pipeline bubble";
    case Activity::kDataComm:
      return "exposed gradient exchange";
    case Activity::kOptimizer:
      return "optimizer and host work";
    case Activity::kStragglerWait:
      return "waiting for stragglers";
    case Activity::kHostWait:
      return "waiting for the host to issue kernels";
    case Activity::kOffloadWait:
      return "waiting for copies to and from the host";
    default:
      return std::string(kActivityNames[static_cast<int>(activity)]);
  }
}

/// The largest use of the device's time, then the largest two losses.
std::string finding(const ActivityShares& shares) {
  std::vector<Activity> losses;
  for (int activity = 0; activity < kActivities; ++activity) {
    if (static_cast<Activity>(activity) != Activity::kCompute) losses.push_back(static_cast<Activity>(activity));
  }
  const auto share = [&](Activity activity) { return shares.probability[static_cast<int>(activity)]; };
  std::sort(losses.begin(), losses.end(), [&](Activity a, Activity b) { return share(a) > share(b); });
  return fmt::format("{:.0f} % of the device's time is arithmetic; it loses most to {} ({:.0f} %) and {} ({:.0f} %)",
                     100.0 * share(Activity::kCompute), describe(losses[0]), 100.0 * share(losses[0]),
                     describe(losses[1]), 100.0 * share(losses[1]));
}

std::string title(const PlacedTraining& placed, const Machine& machine) {
  const Parallelism& p = placed.training.parallelism;
  return fmt::format(
      "training {} on {} x {}: tensor {} x pipeline {} x data {} x context {}, {} virtual stages, {} micro-batches, "
      "{}, {}",
      placed.model.name.empty() ? "a transformer" : placed.model.name, placed.num_devices, machine.profile.name,
      p.tensor, p.pipeline, p.data, p.context, p.virtual_stages, placed.placement.micro_batches,
      to_string(placed.training.precision), machine.software.name);
}

}  // namespace

void write_training_means(const PlacedTraining& placed, const StepMeans& means, const Machine& machine,
                          Report& report) {
  report.measures = mean_measures(placed, means.mean_s, machine);
}

void write_training_report(const PlacedTraining& placed, const TrainingAnswer& answer, const Machine& machine,
                           Report& report) {
  report.measures = training_measures(placed, answer, machine);
  if (!placed.training.service_times) {
    const auto kernels = kind_totals(placed, machine);
    report.breakdowns = {activity_breakdown(answer.activity),
                         memory_breakdown(placed.memory),
                         mismatch_breakdown(kernels, placed, answer, machine),
                         roofline_breakdown(kernels, placed, answer, machine),
                         network_breakdown(answer.coupled),
                         jitter_breakdown(answer.chain),
                         coupling_breakdown(answer.coupled)};
    if (report.detail > Detail::kMeasures) report.breakdowns.push_back(bounds_breakdown(answer.coupled.step()));
    if (Breakdown fabric = fabric_breakdown(answer.coupled); !fabric.entries.empty())
      report.breakdowns.push_back(std::move(fabric));
    for (std::string& warning : fabric_warnings(answer.coupled, machine)) report.warnings.push_back(std::move(warning));
  }
  if (report.detail <= Detail::kMeasures) return;
  report.title = title(placed, machine);
  report.chains = chain_records(placed, answer);
  if (placed.training.service_times) return;
  report.finding = finding(answer.activity);
  report.assumptions = assumptions(placed, machine);
}

}  // namespace windtunnel::modeling
