// SPDX-License-Identifier: Apache-2.0
// The availability study: how often the job stops, how many spares keep it at full size, where its time goes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/checkpointing.h"
#include "modeling/chains/health_chain.h"
#include "modeling/cluster/machine.h"
#include "modeling/report/report.h"
#include "modeling/studies/failure_causes.h"

namespace windtunnel::modeling {

/// The question in the terms of the chains.
struct JobHealth {
  double horizon_s = 0.0;
  std::vector<FailureCause> causes;
  NodeHealth nodes;
  CheckpointedJob job;
  /// Empty: the optimum is asked for.
  std::optional<double> interval_s;
  /// Numbers that neither the spec nor the profile states.
  std::vector<Assumption> defaults;
};

/// Throws SpecError without a horizon, NoAnswerError for what the chains cannot hold; adds a sentence to `warnings` for
/// every number that is used otherwise than stated.
JobHealth describe_job_health(const Spec& spec, const Machine& machine, std::vector<std::string>& warnings);

struct AvailabilityAnswer {
  DownCount down;
  SpareExhaustion exhaustion;
  /// In the long run.
  double availability_ratio = 0.0;
  /// Within the horizon, starting with all nodes up; from the long run where a chain is too large for that.
  double full_size_s = 0.0;
  bool full_size_from_long_run = false;
  double checkpoint_interval_s = 0.0;
  /// Of the time at full size.
  CheckpointShares shares;
  /// Smallest number of spares for full size 99, 99.9 and 99.99 % of the time; empty: no number is enough.
  std::optional<Count> spares_99;
  std::optional<Count> spares_999;
  std::optional<Count> spares_9999;
};

AvailabilityAnswer solve_availability(const JobHealth& health);

void write_availability_report(const Spec& spec, const JobHealth& health, const AvailabilityAnswer& answer,
                               const Machine& machine, Report& report);

}  // namespace windtunnel::modeling
