// SPDX-License-Identifier: Apache-2.0
// What happens until a chain reaches a set of target states: whether it does, how long it takes, where the time goes.
// What the graph alone settles (never, surely) comes out as exactly 0, 1 or infinity. Without subtractions: reduction
// of the states where it is affordable (error in every entry relative to the entry), sweeps with a proven bound above.
// The distribution of the time: solvers/passage/first_passage.h.
#pragma once
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/linear/absorbing_system.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

struct HittingProbability : SolveResult {
  /// That the chain ever is in a target state, from each state; 1 on targets.
  Vector probability;
  // error_bound: absolute, in every entry.
};

struct HittingTime : SolveResult {
  /// Mean time until the first target state, from each state; 0 on targets, infinite where a target may be missed.
  Vector mean_s;
  /// E[T^2] of the same time.
  Vector second_moment_s2;
  // error_bound: relative, in every entry of both.
};

struct Occupancy : SolveResult {
  /// Expected time in each state until the first target state; 0 on targets.
  Vector time_s;
  /// Expected number of visits to each state until then.
  Vector visits;
  // error_bound: on the sum of the absolute errors of time_s, in s.
};

struct AbsorptionProbability : SolveResult {
  /// probability(i, b): that the chain, started in state i, ends in bottom class number b of
  /// CommunicatingClasses::bottom.
  Eigen::MatrixXd probability;
  // error_bound: absolute, in every entry.
};

/// Probability to reach `targets`, at least one state of q, else ChainError.
HittingProbability hitting_probability(const Generator& q, const std::vector<Index>& targets,
                                       const AbsorptionOptions& options = {});

/// Mean and second moment of the time to reach `targets`. Source: Kemeny, Snell, Finite Markov Chains, 1960,
/// section 3.3.
HittingTime hitting_time(const Generator& q, const std::vector<Index>& targets, const AbsorptionOptions& options = {});

/// Time and visits per state until `targets` are reached. Throws ChainError when, from `initial`, they may be missed.
Occupancy occupancy_until(const Generator& q, const std::vector<Index>& targets, const Vector& initial,
                          const AbsorptionOptions& options = {});

/// Where the chain ends up, for every initial state.
AbsorptionProbability absorption_probability(const Generator& q, const AbsorptionOptions& options = {});

}  // namespace windtunnel::solvers
