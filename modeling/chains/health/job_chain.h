// SPDX-License-Identifier: Apache-2.0
// The job as a Markov chain: working, writing checkpoints, doing work that a failure will take back, detecting,
// localizing, restarting by class, resizing, in maintenance, short of nodes; at full size or with fewer replicas.
//
//   productive -> checkpoint -> lost work -> productive -> ... (stop) -> detect -> localize -> restart -> productive
//
// Each stage is exponential with the completion probability and the mean stay of the real one under failures
// (recovery.h); the time between two stops divides as checkpoint_plan.h says. The stationary law is therefore exact for
// constant, gamma and heavy-tailed stages alike; only the order in which work, checkpoints and lost work take turns
// between two stops is not kept. Levels (how many nodes are missing) change with the flows of the exact chain of counts
// between them, so their probabilities are that chain's.
#pragma once

#include <string>
#include <vector>

#include "modeling/chains/health/checkpoint_plan.h"
#include "modeling/chains/health/health_chain.h"
#include "modeling/chains/health/recovery.h"
#include "solvers/long_run/stationary.h"

namespace windtunnel::modeling {

/// The job with a certain number of nodes missing.
struct JobLevel {
  std::string name;
  /// False: too few nodes, the job waits.
  bool runs = true;
  /// Work per second relative to full size.
  double speed_ratio = 1.0;
  /// Stops per second while at this level.
  double failure_per_s = 0.0;
  UpShares up;
};

struct JobChainProblem {
  /// The first is full size; fewer nodes the later.
  std::vector<JobLevel> levels;
  /// To a higher number: more nodes are missing, and the move is a stop of the job.
  std::vector<LevelMove> moves;
  std::vector<RecoveryRoute> routes;
  /// False: failures wait until recovery is over (laws of failures that start anew after it).
  bool strikes_in_recovery = true;
  /// Time to take back replicas when nodes have come back, no work lost.
  double resize_s = 0.0;
  /// Pace at which work, checkpoints and lost work take turns; their shares do not depend on it. > 0.
  double turns_per_s = 1.0;
  /// Planned maintenance, per second of running, after a checkpoint; and how long it takes, restart included.
  double maintenance_per_s = 0.0;
  double maintenance_s = 0.0;
};

struct JobChain {
  /// Shares of wall time, over all levels; with waiting they sum to 1.
  double productive_ratio = 0.0;
  double checkpoint_ratio = 0.0;
  double lost_ratio = 0.0;
  double detect_ratio = 0.0;
  double localize_ratio = 0.0;
  double restart_ratio = 0.0;
  double resize_ratio = 0.0;
  double maintenance_ratio = 0.0;
  double waiting_ratio = 0.0;
  /// Productive time weighted by the speed of its level.
  double work_ratio = 0.0;
  /// Stops per second of wall time, those that strike a recovery included.
  double stops_per_s = 0.0;
  std::vector<std::string> state_names;
  /// Of a chain small enough to be drawn; else empty.
  std::vector<solvers::Transition> drawn;
  solvers::StationarySolution solution;
  long long states = 0;
  long long transitions = 0;
};

/// Throws NoAnswerError when the chain cannot be solved.
JobChain solve_job_chain(const JobChainProblem& problem);

}  // namespace windtunnel::modeling
