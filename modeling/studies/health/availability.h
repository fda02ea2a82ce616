// SPDX-License-Identifier: Apache-2.0
// The availability study: how often the job stops, how many spares keep it at full size, where its time goes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/health/health_chain.h"
#include "modeling/chains/health/job_chain.h"
#include "modeling/report/report.h"
#include "modeling/studies/health/job_health.h"

namespace windtunnel::modeling {

struct AvailabilityAnswer {
  DownCount down;
  SpareExhaustion exhaustion;
  LevelLaw levels;
  /// In the long run.
  double availability_ratio = 0.0;
  /// Time in each level within the horizon, starting with all nodes up; from the long run where a chain is too large
  /// for that.
  solvers::Vector level_s;
  bool level_times_from_long_run = false;
  /// With the interval used.
  CheckpointPlan checkpoint;
  JobChainProblem job_problem;
  JobChain job;
  /// Smallest number of spares for full size 99, 99.9 and 99.99 % of the time; empty: no number is enough.
  std::optional<Count> spares_99;
  std::optional<Count> spares_999;
  std::optional<Count> spares_9999;

  /// Stops expected within the horizon, all causes.
  double failures_expected() const;
};

AvailabilityAnswer solve_availability(const JobHealth& health);

/// The job's chain for this health and this law of its levels; `checkpoint` with the interval filled in.
JobChainProblem job_chain_problem(const JobHealth& health, const LevelLaw& levels, const CheckpointPlan& checkpoint);

/// The stated interval, or the optimum at full size.
CheckpointPlan chosen_checkpoint(const JobHealth& health);

void write_availability_report(const Spec& spec, const JobHealth& health, const AvailabilityAnswer& answer,
                               const Machine& machine, Report& report);

/// The parts of it that a training study with failures shows too.
std::vector<Measure> availability_measures(const JobHealth& health, const AvailabilityAnswer& answer);
std::vector<Breakdown> availability_breakdowns(const JobHealth& health, const AvailabilityAnswer& answer);
std::vector<ChainRecord> availability_chains(const AvailabilityAnswer& answer);
std::vector<Assumption> availability_assumptions(const JobHealth& health, const AvailabilityAnswer& answer);
void warn_of_approximations(const AvailabilityAnswer& answer, std::vector<std::string>& warnings);
std::string describe_losses(const AvailabilityAnswer& answer);

}  // namespace windtunnel::modeling
