// SPDX-License-Identifier: Apache-2.0
// The inputs that can be turned a little, by study.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/cluster/machine.h"
#include "modeling/studies/health/job_health.h"
#include "modeling/studies/what_if/sensitivity.h"

namespace windtunnel::modeling {
namespace {

using Inputs = std::vector<InputFigure>;

/// Relative step of a serving study's inputs.
constexpr double kServingStep = 1e-2;
/// Defaults do not depend on it.
constexpr double kAnyHorizon_s = 86400.0;

void add_peak(const HardwareProfile& profile, Precision precision, Inputs& inputs) {
  const auto index = static_cast<std::size_t>(precision);
  if (!profile.compute.peak_flop_per_s[index]) return;
  inputs.push_back({"cluster.compute.peak." + to_string(precision), profile.compute.peak_flop_per_s[index]->value,
                    [index](Spec& spec, double value) { spec.cluster.figures.peak_flop_per_s[index] = value; }});
}

void add_device(const Spec& spec, const HardwareProfile& profile, Inputs& inputs) {
  const Precision linear = spec.training ? spec.training->precision : spec.serving->weights;
  add_peak(profile, linear, inputs);
  // Attention computes in 16 bit whatever the linear layers do.
  if (linear != Precision::kBf16) add_peak(profile, Precision::kBf16, inputs);
  inputs.push_back({"cluster.memory.bandwidth", profile.memory.bandwidth_bytes_per_s.value,
                    [](Spec& s, double value) { s.cluster.figures.memory_bandwidth_bytes_per_s = value; }});
  inputs.push_back({"cluster.memory.capacity", profile.memory.capacity_bytes.value,
                    [](Spec& s, double value) { s.cluster.figures.memory_capacity_bytes = value; }});
}

void add_tier(const std::string& name, TierOverride Cluster::*tier, const NetworkTier& figures, Inputs& inputs) {
  inputs.push_back({"cluster." + name + ".bandwidth", figures.bandwidth_bytes_per_s.value,
                    [tier](Spec& s, double value) { (s.cluster.*tier).bandwidth_bytes_per_s = value; }});
  inputs.push_back({"cluster." + name + ".latency", figures.latency_s.value,
                    [tier](Spec& s, double value) { (s.cluster.*tier).latency_s = value; }});
}

void add_network(const HardwareProfile& profile, Inputs& inputs) {
  add_tier("scale_up", &Cluster::scale_up, profile.scale_up, inputs);
  add_tier("scale_out", &Cluster::scale_out, profile.scale_out, inputs);
  inputs.push_back({.path = "cluster.fabric.oversubscription",
                    .value = profile.fabric.oversubscription.value,
                    .set = [](Spec& s, double value) { s.cluster.fabric.oversubscription = value; },
                    .only_more = profile.fabric.oversubscription.value <= 1.0});
}

void add_jitter(const HardwareProfile& profile, Inputs& inputs) {
  const Jitter& jitter = profile.jitter;
  inputs.push_back({"cluster.jitter.operator_cv", jitter.operator_cv.value,
                    [](Spec& s, double value) { s.cluster.jitter.operator_cv = value; }});
  inputs.push_back({"cluster.jitter.device_cv", jitter.device_cv.value,
                    [](Spec& s, double value) { s.cluster.jitter.device_cv = value; }});
  inputs.push_back({"cluster.jitter.stall_rate", jitter.stall_rate_per_s.value,
                    [](Spec& s, double value) { s.cluster.jitter.stall_rate_per_s = value; }});
  const double scv = jitter.stall_scv.value;
  inputs.push_back({"cluster.jitter.stall_time", jitter.stall_time_s.value, [scv](Spec& s, double value) {
                      s.cluster.jitter.stall_time = Duration{value, scv};
                    }});
}

void add_training(const Training& training, Inputs& inputs) {
  if (training.expert_imbalance > 1.0)
    inputs.push_back({"training.expert_imbalance", training.expert_imbalance,
                      [](Spec& s, double value) { s.training->expert_imbalance = value; }});
  if (training.tokens)
    inputs.push_back({"training.tokens", *training.tokens, [](Spec& s, double value) { s.training->tokens = value; }});
  if (!training.service_times) return;
  const auto add = [&](const std::string& key, double TrainingServiceTimes::*time) {
    inputs.push_back({"training.service_times." + key, (*training.service_times).*time,
                      [time](Spec& s, double value) { (*s.training->service_times).*time = value; }});
  };
  add("forward", &TrainingServiceTimes::forward_s);
  add("backward", &TrainingServiceTimes::backward_s);
  add("scv", &TrainingServiceTimes::scv);
  add("pipeline_transfer", &TrainingServiceTimes::pipeline_transfer_s);
  add("data_parallel", &TrainingServiceTimes::data_parallel_s);
}

void add_serving(const Serving& serving, Inputs& inputs) {
  inputs.push_back({"serving.prefix_cache_hit", serving.prefix_cache_hit_ratio,
                    [](Spec& s, double value) { s.serving->prefix_cache_hit_ratio = value; }});
  if (serving.speculative)
    inputs.push_back({"serving.speculative.acceptance", serving.speculative->acceptance_ratio,
                      [](Spec& s, double value) { s.serving->speculative->acceptance_ratio = value; }});
  if (!serving.service_times) return;
  const auto add = [&](const std::string& key, double ServingServiceTimes::*time) {
    inputs.push_back({"serving.service_times." + key, (*serving.service_times).*time,
                      [time](Spec& s, double value) { (*s.serving->service_times).*time = value; }});
  };
  add("base", &ServingServiceTimes::base_s);
  add("per_sequence", &ServingServiceTimes::per_sequence_s);
  add("per_prompt_token", &ServingServiceTimes::per_prompt_token_s);
  add("per_context_token", &ServingServiceTimes::per_context_token_s);
}

/// Token counts are rounded to whole ones: about 2 % to each side, at least one token.
double token_step_ratio(double mean) {
  return std::max(1.0, std::round(0.02 * mean)) / mean;
}

void add_traffic(const Traffic& traffic, Inputs& inputs) {
  if (traffic.arrival_rate_per_s) {
    inputs.push_back({"traffic.arrival_rate", *traffic.arrival_rate_per_s,
                      [](Spec& s, double value) { s.traffic.arrival_rate_per_s = value; }});
    inputs.push_back(
        {"traffic.arrival_scv", traffic.arrival_scv, [](Spec& s, double value) { s.traffic.arrival_scv = value; }});
  }
  for (std::size_t i = 0; i < traffic.classes.size(); ++i) {
    const auto add = [&](const std::string& key, TokenCount TrafficClass::*count) {
      const TokenCount& tokens = traffic.classes[i].*count;
      if (tokens.mean < 2.0) return;
      inputs.push_back({.path = fmt::format("traffic.classes.{}.{}{}", i, key, tokens.scv > 0.0 ? ".mean" : ""),
                        .value = tokens.mean,
                        .set = [i, count](Spec& s, double value) { (s.traffic.classes[i].*count).mean = value; },
                        .step_ratio = token_step_ratio(tokens.mean)});
    };
    add("prompt_tokens", &TrafficClass::prompt_tokens);
    add("output_tokens", &TrafficClass::output_tokens);
  }
}

/// What the health study takes where the spec is silent.
void add_health_defaults(const Spec& spec, const Machine& machine, Inputs& inputs) {
  std::vector<std::string> ignored;
  const double horizon_s = spec.reliability->horizon_s.value_or(kAnyHorizon_s);
  // A checkpoint whose size only the training study knows is no input here.
  const JobHealth health =
      describe_job_health(spec, machine, {.horizon_s = horizon_s, .state_bytes = 1.0, .replica_nodes = 1}, ignored);
  const Duration repair = health.nodes.repair;
  const Duration restart = health.routes.front().stages.back();
  inputs.push_back({"reliability.repair_time", repair.mean_s, [scv = repair.scv](Spec& s, double value) {
                      s.reliability->repair_time = Duration{value, scv};
                    }});
  inputs.push_back({"reliability.restart_time", restart.mean_s, [scv = restart.scv](Spec& s, double value) {
                      s.reliability->restart_time = Duration{value, scv};
                    }});
  if (spec.reliability->horizon_s)
    inputs.push_back(
        {"reliability.horizon", horizon_s, [](Spec& s, double value) { s.reliability->horizon_s = value; }});
  if (spec.reliability->checkpoint_blocking_s || spec.study == Study::kAvailability)
    inputs.push_back({"reliability.checkpoint.blocking", health.checkpoint.blocking_s,
                      [](Spec& s, double value) { s.reliability->checkpoint_blocking_s = value; }});
}

void add_reliability(const Spec& spec, const Machine& machine, Inputs& inputs) {
  const Reliability& reliability = *spec.reliability;
  inputs.push_back({"reliability.failure_rate_factor", reliability.failure_rate_factor,
                    [](Spec& s, double value) { s.reliability->failure_rate_factor = value; }});
  for (const auto& [kind, rate] : reliability.failure_rates_per_s)
    inputs.push_back({"reliability.failure_rates." + kind, rate,
                      [kind = kind](Spec& s, double value) { s.reliability->failure_rates_per_s[kind] = value; }});
  for (std::size_t i = 0; i < reliability.domains.size(); ++i)
    inputs.push_back({fmt::format("reliability.domains.{}.rate", i), reliability.domains[i].rate_per_s,
                      [i](Spec& s, double value) { s.reliability->domains[i].rate_per_s = value; }});
  if (reliability.checkpoint_interval_s)
    inputs.push_back({"reliability.checkpoint.interval", *reliability.checkpoint_interval_s,
                      [](Spec& s, double value) { s.reliability->checkpoint_interval_s = value; }});
  add_health_defaults(spec, machine, inputs);
}

bool has_own_times(const Spec& spec) {
  return (spec.training && spec.training->service_times) || (spec.serving && spec.serving->service_times);
}

}  // namespace

std::vector<InputFigure> continuous_inputs(const Spec& spec) {
  std::vector<std::string> ignored;
  const Machine machine = load_machine(spec.cluster, spec.study, ignored);
  Inputs inputs;
  if (spec.study != Study::kAvailability && !has_own_times(spec)) {
    add_device(spec, machine.profile, inputs);
    add_network(machine.profile, inputs);
  }
  if (spec.training && !spec.training->service_times) add_jitter(machine.profile, inputs);
  if (spec.training) add_training(*spec.training, inputs);
  if (spec.serving) add_serving(*spec.serving, inputs);
  if (spec.study == Study::kServing) add_traffic(spec.traffic, inputs);
  if (spec.reliability) add_reliability(spec, machine, inputs);
  if (spec.study == Study::kServing)
    for (InputFigure& input : inputs) input.step_ratio = std::max(input.step_ratio, kServingStep);
  std::erase_if(inputs, [](const InputFigure& input) { return !(input.value > 0.0) || !std::isfinite(input.value); });
  return inputs;
}

}  // namespace windtunnel::modeling
