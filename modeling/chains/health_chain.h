// SPDX-License-Identifier: Apache-2.0
// Health of a job's nodes as one chain of counts: how many nodes are down, in which phase of their repair, and how many
// correlated domains are down with all their nodes. Equal nodes are lumped exactly: only counts matter.
//
// Conventions. The job is at full size while at most `spares` nodes are down. Hot spares fail as active nodes do, cold
// ones do not, warm ones at a share of the rate. While the job is short of nodes the survivors stay powered and fail
// on. A domain takes `nodes` nodes down and gives them back when it is repaired, at once, by its own people; nodes of a
// failed domain that were down already count twice (rare).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/spec.h"
#include "solvers/phase_type.h"
#include "solvers/stationary.h"

namespace windtunnel::modeling {

/// Domains of one kind: `count` of them, each with `nodes` nodes of the job.
struct DomainKind {
  std::string name;
  Count nodes = 1;
  Count count = 0;
  double failure_per_s = 0.0;
  double repair_per_s = 0.0;
};
inline constexpr int kMostDomainKinds = 4;

struct NodeHealth {
  /// Nodes the job needs.
  Count nodes = 1;
  Count spares = 0;
  /// Failure rate of an idle spare relative to an active node: 1 hot, 0 cold.
  double spare_failure_ratio = 0.0;
  /// Of one active node; 0: nodes never fail.
  double failure_per_s = 0.0;
  /// Mean 0: repaired at once.
  Duration repair;
  /// Empty: everybody is repaired at once.
  std::optional<Count> repair_crews;
  std::vector<DomainKind> domains;
};

/// The repair time as the chain has it. With scv above 1 hyperexponential, below 1 up to three Erlang phases; steadier
/// repairs keep the phases of scv 1/3.
solvers::PhaseType repair_phases(const Duration& repair);

struct DownCount {
  /// probability(n): n nodes down in the long run.
  solvers::Vector probability;
  solvers::StationarySolution solution;
  long long states = 0;
  long long transitions = 0;
  /// Long-run probability of the smallest and largest counts of nodes kept, where counts beyond were left out.
  double lost_probability = 0.0;
  /// The chain would have been too large with the phases of the repair: exponential repairs stand in.
  bool exponential_repair = false;

  /// P(at most `spares` nodes are down).
  double at_most(Count spares) const;
  double mean() const;
};

/// Long-run law of the number of nodes down. With unlimited crews only the mean repair time matters (the count is a
/// generalized Engset system, insensitive to the law of the repair), so one phase is enough; with crews the phases
/// count. Throws NoAnswerError when the chain has more states than can be solved in seconds.
DownCount solve_down_count(const NodeHealth& health);

/// Smallest number of spares of the given kind with full size at least `ratio` of the time; empty when no number is
/// enough (the crews cannot keep up). The starting guess is the quantile of `known`, the law for health.spares.
std::optional<Count> smallest_spares(const NodeHealth& health, double ratio, const DownCount& known);

/// Expected time at full size within the horizon, starting with all up. Empty when that takes more than seconds; then
/// the long-run share is near, unless the job is short of nodes most of the time.
std::optional<double> full_size_time_s(const NodeHealth& health, double horizon_s);

struct SpareExhaustion {
  /// That more nodes are down than there are spares at some time in the horizon, starting with all up.
  double probability = 0.0;
  long long states = 0;
  long long transitions = 0;
  std::string method;
  long long iterations = 0;
  /// Absolute; empty when none is proven.
  std::optional<double> error_bound;
  double lost_probability = 0.0;
  /// As in DownCount.
  bool exponential_repair = false;
};

/// First passage to spares + 1 nodes down by uniformization; where the horizon holds too many transitions for that, the
/// exponential law with the exact mean first passage time, close when repairs are short against that mean (Aldous,
/// Brown, Stochastic Inequalities, IMS Lecture Notes 22, 1992).
SpareExhaustion solve_exhaustion(const NodeHealth& health, double horizon_s);

}  // namespace windtunnel::modeling
