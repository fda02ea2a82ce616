// SPDX-License-Identifier: Apache-2.0
// Finite chains of levels: from each level only its neighbours can be reached (block tridiagonal). Levels may have
// different numbers of phases.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "solvers/linear/m_matrix.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

/// Transitions out of one level of m phases. All rates >= 0; the diagonal of local_per_s does not matter (the
/// textbook's negative diagonal may stand there), exit rates are always the sums of the others.
struct Level {
  /// m x (phases of the level below); no columns for level 0.
  Matrix down_per_s;
  /// m x m.
  Matrix local_per_s;
  /// m x (phases of the level above); no columns for the last level.
  Matrix up_per_s;

  Index phases() const { return local_per_s.rows(); }
};

struct LevelSolution {
  Termination termination = Termination::kNotCalled;
  /// probability[n](i): level n, phase i. All together they sum to 1.
  std::vector<Vector> probability;
  /// max |inflow - outflow| over all states, and the largest exit rate to compare it with.
  double residual_per_s = 0.0;
  double max_exit_rate_per_s = 0.0;
  std::string message = "the solver was not called";

  bool usable() const { return termination == Termination::kConverged; }
  double level_probability(Index level) const { return probability[static_cast<std::size_t>(level)].sum(); }
  double mean_level() const;
};

/// Linear level reduction: the top level is censored away, then the one below it, down to level 0; block state
/// reduction, so no subtraction and no overflow at any load. O(sum of phases^3), memory O(sum of phases^2).
/// Source: Gaver, Jacobs, Latouche, Advances in Applied Probability 16, 1984.
/// Throws ChainError for rates that do not fit together ("level 2: up is 3 x 3, expected 3 x 2"), for a level that
/// cannot be left downwards, and when level 0 has several classes.
LevelSolution solve_levels(std::span<const Level> levels);

/// What the reduction from the top leaves behind; for chains whose top level stands for infinitely many.
class LevelReduction {
 public:
  /// Takes the levels as given; the top one is closed: its local_per_s already holds all returns from above.
  explicit LevelReduction(std::span<const Level> levels);

  /// Probability of each level and phase, up to a common factor chosen such that the largest is about 1.
  std::vector<Vector> weights() const;

 private:
  std::span<const Level> levels_;
  std::vector<MMatrixFactors> factors_;  // of levels 1, 2, ...
  Matrix lowest_;                        // level 0 with all returns
};

/// Throws ChainError unless sizes match and every rate is finite and >= 0. `last_has_up`: the last level leads upwards
/// too, to as many phases as it has.
void check_levels(std::span<const Level> levels, bool last_has_up = false);

/// max |inflow - outflow| over the states of `levels`; the last level is left out when it leads up.
double level_residual_per_s(std::span<const Level> levels, const std::vector<Vector>& probability);

/// Rate out of each phase.
Vector exit_rates(const Level& level);

}  // namespace windtunnel::solvers
