// SPDX-License-Identifier: Apache-2.0
// Health of a job's nodes: how many are down, how often there are too few, and how many spares are enough.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/health/count_chain.h"
#include "solvers/long_run/stationary.h"

namespace windtunnel::modeling {

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
  /// Share of time in which every crew is busy: only then the shape of the repair matters. 0 with unlimited crews.
  double crews_busy_ratio = 0.0;
  /// Nodes and domains were counted independently (independent_counts.h), and the bound of the error, where known.
  bool counts_are_independent = false;
  std::optional<double> independence_bound;

  /// P(at most `spares` nodes are down).
  double at_most(Count spares) const;
  double mean() const;
};

/// Long-run law of the number of nodes down. With unlimited crews only the mean repair time matters (the count is a
/// generalized Engset system, insensitive to the law of the repair), so one phase is enough; with crews the phases
/// count. Where the chain with all kinds of domains is too large to be solved at once, their counts are independent.
/// Throws NoAnswerError when even that has more states than can be solved in seconds.
DownCount solve_down_count(const NodeHealth& health);

/// Levels of a job by the number of nodes down: full size, fewer replicas, too few nodes.
using LevelOfCount = std::function<std::size_t(Count nodes_down)>;

struct LevelMove {
  std::size_t from = 0;
  std::size_t to = 0;
  /// While in `from`, in the long run.
  double rate_per_s = 0.0;
};

struct LevelLaw {
  /// probability(k): in level k in the long run.
  solvers::Vector probability;
  std::vector<LevelMove> moves;
};

/// The chain of nodes down seen through its levels: the aggregated chain with these rates has these probabilities
/// (Kemeny, Snell, Finite Markov Chains, 1960, section 6.4).
LevelLaw solve_levels_of_job(const NodeHealth& health, const LevelOfCount& level_of, std::size_t levels);

/// Smallest number of spares of the given kind with full size at least `ratio` of the time; empty when no number is
/// enough (the crews cannot keep up). The starting guess is the quantile of `known`, the law for health.spares.
std::optional<Count> smallest_spares(const NodeHealth& health, double ratio, const DownCount& known);

/// Expected time in each level within the horizon, starting with all up; empty as below.
std::optional<solvers::Vector> level_times_s(const NodeHealth& health, const LevelOfCount& level_of, std::size_t levels,
                                             double horizon_s);

/// Expected time at full size within the horizon, starting with all up. Empty when that takes more than seconds; then
/// the long-run share is near, unless the job is short of nodes most of the time.
std::optional<double> full_size_time_s(const NodeHealth& health, double horizon_s);

/// Smallest number of spares with which the job is never short of nodes within the horizon, with at least this
/// probability; empty when no number up to all nodes is enough.
/// `fewer` spares are known not to be enough.
std::optional<Count> smallest_mission_spares(const NodeHealth& health, double horizon_s, double probability,
                                             Count fewer = -1);

/// Mean time until more nodes are down than there are spares, from all up; infinite when that cannot happen.
double mean_time_to_exhaustion_s(const NodeHealth& health);

/// That all `members` of a domain are up, each down with probability `down_ratio` on its own: (1 - p)^d.
double whole_probability(double down_ratio, double members);

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
