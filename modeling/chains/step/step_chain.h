// SPDX-License-Identifier: Apache-2.0
// The step chain: the time of one whole-job step as a mixture of phase-type laws (absorbing CTMCs with a floor).
//
// Condition first on what lasts longer than a step, then join what is independent within it, then mix:
//   conditions  congestion level of the fabric, a throttled device, a degraded link: each a probability and a step
//   operator    independent each run; adds up along one replica, then the step waits for the slowest: F(t)^replicas
//   device      speeds differ for as long as the job runs: the slowest of all devices sets the pace where all stages
//               work at once, the slowest of each group while the pipeline fills and drains
//   node        pauses of nodes; the step waits for the longest of a Poisson number of them: a pure death chain whose
//               state is the number of pauses not yet over
//   job         rare stalls of everything, Poisson while the step runs: a mixture, so the body stays tight
#pragma once

#include <optional>
#include <vector>

#include "modeling/chains/step/moments.h"
#include "modeling/cluster/hardware_profile.h"
#include "solvers/phase_type/order_statistics.h"
#include "solvers/phase_type/phase_type.h"

namespace windtunnel::modeling {

/// The step as it is while something slow lasts.
struct StepCondition {
  double probability = 1.0;
  /// Pipeline of one replica, from the operators' own variance.
  Moments replica;
  /// Law of one replica where more is known than two moments; then `replica` holds its moments.
  std::optional<solvers::Distribution> replica_law;
  /// What follows, the same for all replicas.
  double tail_s = 0.0;
  /// Share of the replica's time that is device work (not communication): only this stretches with a slow device.
  double device_share = 1.0;
  /// Share of the replica's time in which every stage works at once.
  double steady_share = 1.0;
  /// Speed of the slowest device relative to a healthy one, 0..1.
  double slowest_speed_ratio = 1.0;
};

struct StepChainProblem {
  /// At least one; probabilities sum to 1.
  std::vector<StepCondition> conditions;
  /// Replicas that wait for each other, stages of one, devices in one stage, devices and nodes of the job.
  Count replicas = 1;
  Count stages = 1;
  Count group_devices = 1;
  Count devices = 1;
  Count nodes = 1;
  double device_cv = 0.0;
  double pause_rate_per_s = 0.0;
  double pause_mean_s = 0.0;
  double pause_scv = 1.0;
  double stall_rate_per_s = 0.0;
  double stall_mean_s = 0.0;
  double stall_scv = 1.0;
};

/// Means only: what a search needs, without building a law. `mean_s` equals that of build_step_chain.
struct StepMeans {
  double mean_s = 0.0;
  /// Mean cost of each kind of jitter over the jitter-free step.
  double replica_wait_s = 0.0;
  double slow_device_s = 0.0;
  double pause_s = 0.0;
  double stall_s = 0.0;
  double straggler_s() const { return replica_wait_s + slow_device_s + pause_s + stall_s; }
};
StepMeans step_means(const StepChainProblem& problem);

struct StepChain : StepMeans {
  double std_s = 0.0;
  double p50_s = 0.0;
  double p95_s = 0.0;
  double p99_s = 0.0;
  /// Standard deviation of the mean step between jobs that differ in their devices, not between steps.
  double between_jobs_std_s = 0.0;
  /// Probability that a step meets at least one stall.
  double stall_probability = 0.0;
  /// Law of the step; both tails.
  solvers::Distribution law;
  /// States and transitions of all parts of the mixture together.
  long long states = 0;
  long long transitions = 0;
};

StepChain build_step_chain(const StepChainProblem& problem);

/// Longest of a Poisson number (mean `count`) of exponential pauses of mean `mean_s`: starts in phase n with the
/// probability of n pauses; phase i of the pauses still running ends at rate i / mean_s. Exact up to 64 phases; a pause
/// that starts among more is one of many, and the time until 64 are left is taken as its mean (relative error of the
/// variance below 1 %).
solvers::PhaseType longest_pause(double count, double mean_s);

}  // namespace windtunnel::modeling
