// SPDX-License-Identifier: Apache-2.0
// Chains of infinitely many levels whose rates depend on the level: M/M/infinity, retrial queues, queues with
// impatience or with as many servers as customers. They are cut at a level high enough, with the lost probability
// stated, and where rates allow it, proven.
#pragma once
#include <functional>
#include <string>

#include "solvers/queues/level_chain.h"
#include "solvers/queues/qbd.h"

namespace windtunnel::solvers {

struct LevelDependentQbd {
  /// Transitions of level n >= 0; level 0 has no down. Phases may differ between levels.
  std::function<Level(Index level)> level;
  /// Optional: a bound, valid for every level n > the argument, on (largest rate up from any phase of level n - 1) /
  /// (smallest rate down from any phase of level n). With it, the lost probability is bounded.
  std::function<double(Index level)> birth_over_death_above = {};
};

struct LevelDependentOptions {
  /// Probability above the cut. > 0.
  double tolerance = 1e-12;
  Index first_cut = 32;
  Index max_levels = 1 << 20;
};

struct LevelDependentSolution : LevelSolution {
  /// Levels 0 .. cut are kept; the cut is doubled until the mass above is below the tolerance.
  Index cut = 0;
  /// Estimate of P(level > cut): the last level's mass, as if levels went on falling as the last ones do.
  double estimated_lost_mass = 0.0;
  /// Bound on P(level > cut) in the infinite chain; infinite without birth_over_death_above. Proof: coupled to the
  /// birth-death chain with the largest rates up and the smallest down, the level never overtakes it.
  double lost_mass_bound = 0.0;
};

/// Level reduction from the cut downwards (in R: the matrix continued fraction of Bright and Taylor, Stochastic Models
/// 11, 1995, and Phung-Duc et al., QTNA 2010), repeated with a doubled cut. The kept levels are those of the chain that
/// loses its transitions above the cut.
/// Throws ChainError for levels that do not fit, std::invalid_argument for impossible options. Not usable when the mass
/// does not fall below the tolerance within max_levels, as in an unstable chain.
LevelDependentSolution solve_level_dependent_qbd(const LevelDependentQbd& chain,
                                                 const LevelDependentOptions& options = {});

/// A chain on levels 0, 1, 2, ... of m phases each with bounded jumps in both directions: M/G/1 type (down by 1), G/M/1
/// type (up by 1) and both at once.
struct BoundedJumpChain {
  /// jump_per_s[k]: rates from level n to n + k - reach_down, m x m, k = 0 .. reach_down + reach_up. The diagonal of
  /// the middle one does not matter.
  std::vector<Matrix> jump_per_s;
  int reach_down = 1;
  /// Rates from level `from` to level `to`, both below the group size (the longest jump), that replace the regular
  /// ones; an empty matrix keeps those. Without it, jumps below level 0 end at level 0.
  std::function<Matrix(Index from, Index to)> boundary = {};
};

/// The same chain as a QBD: groups of as many levels as the longest jump become one level of m * group phases (level
/// group * L + g, phase i has the phase number g * m + i). Neuts, Structured Stochastic Matrices of M/G/1 Type, 1989.
/// Cost of solving: (m * group)^3. Throws ChainError for blocks of different sizes.
struct GroupedChain {
  QuasiBirthDeath chain;
  int group = 1;
};
GroupedChain grouped_levels(const BoundedJumpChain& chain);

/// Probability of one ungrouped level by phase.
Vector ungrouped_probability(const GroupedChain& grouped, const QbdSolution& solution, Index level);

}  // namespace windtunnel::solvers
