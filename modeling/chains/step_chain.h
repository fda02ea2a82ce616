// SPDX-License-Identifier: Apache-2.0
// The step chain: the time of one whole-job step as a phase-type distribution (an absorbing CTMC with a floor).
//
// Three kinds of jitter, kept apart (docs/model.md):
//   operator  independent each run; adds up along one replica, then the step waits for the slowest replica:
//   F(t)^replicas device    a device is slower than its fellows for the whole step; the step waits for the slowest of
//   all devices job       rare stalls of everything, Poisson while the step runs
#pragma once

#include "modeling/chains/moments.h"
#include "modeling/cluster/hardware_profile.h"
#include "solvers/phase_type.h"

namespace windtunnel::modeling {

struct StepChainProblem {
  /// Pipeline of one replica, from the operators' own variance.
  Moments replica;
  /// What follows, the same for all replicas.
  double tail_s = 0.0;
  /// Replicas that wait for each other, devices in one replica's stage group, devices of the job.
  Count replicas = 1;
  Count group_devices = 1;
  Count devices = 1;
  /// Share of the replica's time that is device work (not communication): only this stretches with a slow device.
  double device_share = 1.0;
  /// Share of the replica's time in which every stage works at once: there the slowest device of all sets the pace;
  /// in the rest (filling and draining the pipeline) stages follow each other and their slowness averages.
  double steady_share = 1.0;
  double device_cv = 0.0;
  double stall_rate_per_s = 0.0;
  double stall_mean_s = 0.0;
  double stall_scv = 1.0;
};

struct StepChain {
  solvers::PhaseType time;
  double mean_s = 0.0;
  double std_s = 0.0;
  double p50_s = 0.0;
  double p95_s = 0.0;
  double p99_s = 0.0;
  /// Mean cost of each kind of jitter over the jitter-free step.
  double replica_wait_s = 0.0;
  double slow_device_s = 0.0;
  double stall_s = 0.0;
  /// Probability of more stalls in one step than are counted.
  double lost_probability = 0.0;
  double straggler_s() const { return replica_wait_s + slow_device_s + stall_s; }
};

StepChain build_step_chain(const StepChainProblem& problem);

}  // namespace windtunnel::modeling
