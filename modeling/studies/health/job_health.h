// SPDX-License-Identifier: Apache-2.0
// A job's health in the terms of the chains: from the spec's reliability block, the machine and what is known of the
// job itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/health/job_chain.h"
#include "modeling/cluster/machine.h"
#include "modeling/report/report.h"
#include "modeling/studies/health/failure_causes.h"

namespace windtunnel::modeling {

/// What a training study knows of the job and an availability study does not.
struct JobFacts {
  /// Where the spec states no horizon; empty: it must.
  std::optional<double> horizon_s;
  /// Of a checkpoint of the whole job, where the spec states none.
  std::optional<double> state_bytes;
  /// Of one data-parallel replica.
  std::optional<Count> replica_nodes;
};

struct JobHealth {
  double horizon_s = 0.0;
  std::vector<FailureCause> causes;
  NodeHealth nodes;
  /// Of the job at full size.
  StopLaw stops;
  /// interval_s is 0 where the optimum is asked for.
  CheckpointPlan checkpoint;
  bool optimal_interval = true;
  std::vector<RecoveryRoute> routes;
  /// Failures strike during recovery.
  bool struck_in_recovery = true;
  /// Full size, with replicas missing, too few nodes; their UpShares are not filled yet.
  std::vector<JobLevel> levels;
  /// Nodes that may be down at most in each level that runs.
  std::vector<Count> most_down;
  double resize_s = 0.0;
  std::optional<Maintenance> maintenance;
  std::vector<SlowState> slow_states;
  std::optional<BadNodes> bad_nodes;
  /// Nodes of one scale-up domain.
  Count scale_up_nodes = 1;
  /// Numbers that neither the spec nor the profile states.
  std::vector<Assumption> defaults;

  std::size_t level_of(Count nodes_down) const;
};

/// Throws SpecError without a horizon, NoAnswerError for what the chains cannot hold; adds a sentence to `warnings` for
/// every number that is used otherwise than stated.
JobHealth describe_job_health(const Spec& spec, const Machine& machine, const JobFacts& facts,
                              std::vector<std::string>& warnings);

}  // namespace windtunnel::modeling
