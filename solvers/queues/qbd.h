// SPDX-License-Identifier: Apache-2.0
// Quasi-birth-death chains: infinitely many levels of m phases that from some level on look all the same. A few
// irregular levels may stand below. The stationary law is matrix-geometric: from the first repeating level b on,
// pi_(n+1) = pi_n R.
//
// Sources: Neuts, Matrix-Geometric Solutions in Stochastic Models, 1981; Latouche, Ramaswami, Introduction to Matrix
// Analytic Methods in Stochastic Modeling, 1999 (chapters 6 to 9).
#pragma once
#include <string>
#include <vector>

#include "solvers/queues/level_chain.h"

namespace windtunnel::solvers {

struct QuasiBirthDeath {
  /// Levels 0 .. b - 1. Empty: level 0 is a repeating level without its down transitions.
  std::vector<Level> boundary;
  /// Every level from b on; three m x m blocks.
  Level repeating;
  /// From level b to level b - 1, m x (phases of level b - 1); empty: repeating.down_per_s.
  Matrix first_down_per_s = {};
};

enum class QbdMethod { kLogarithmicReduction, kCyclicReduction };

struct QbdOptions {
  QbdMethod method = QbdMethod::kCyclicReduction;
  /// Steps, each of which looks twice as far up. >= 1. A load of 1 - 2^-k needs about k + 6.
  int max_iterations = 64;
};

struct QbdSolution {
  Termination termination = Termination::kNotCalled;
  /// Probabilities of levels 0 .. b, by phase; higher ones by probability(level).
  std::vector<Vector> boundary_probability;
  /// G: first phase found one level lower, m x m. Rows sum to 1.
  Matrix first_passage;
  /// U without its diagonal: rates between the phases of a level, returns from above included.
  Matrix closed_local_per_s;
  /// R: expected visits one level higher, weighted with exit rates (m x m).
  Matrix rate_matrix;
  /// Mean upward over mean downward rate of the repeating levels, by the phase law of a chain without ends; < 1.
  double drift_ratio = 0.0;
  /// Spectral radius of R: P(level >= n) falls by this factor per level, asymptotically.
  double decay_ratio = 0.0;
  /// Mean level.
  double mean_level = 0.0;
  double level_variance = 0.0;
  /// E[max(0, level - first_repeating_level())]: those above, customers waiting where that level has every server busy.
  double mean_above_first = 0.0;
  /// Sum of the levels b, b + 1, ... by phase.
  Vector repeating_phase_probability;
  /// max |down + local G + up G^2|, and max |inflow - outflow| of levels 0 .. b.
  double first_passage_residual_per_s = 0.0;
  double residual_per_s = 0.0;
  /// Largest |1 - row sum of G|: what the computed law may miss because the reduction stopped.
  double lost_mass = 0.0;
  int iterations = 0;
  std::string message = "solve_qbd was not called";

  bool usable() const { return termination == Termination::kConverged; }
  /// First repeating level.
  Index first_repeating_level() const { return static_cast<Index>(boundary_probability.size()) - 1; }
  /// Probability of each phase of a level.
  Vector probability(Index level) const;
  /// P(level >= n), by adding what is above, never as a complement.
  double tail(Index level) const;
};

/// Checks the drift, finds G by the method asked for, U and R from it, the boundary by level reduction, and sums over
/// infinitely many levels by doubling; all of it without a subtraction. O(m^3) per step, convergence quadratic.
/// Sources: Latouche, Ramaswami, Journal of Applied Probability 30, 1993 (logarithmic reduction); Bini, Meini, SIAM
/// Journal on Matrix Analysis 17(4), 1996 (cyclic reduction).
/// Throws ChainError for blocks that do not fit together and for a chain without a stationary law: "unstable: mean rate
/// up 50 /s, down 41 /s".
QbdSolution solve_qbd(const QuasiBirthDeath& chain, const QbdOptions& options = {});

/// Mean rates up and down under the phase law of the repeating levels; with several closed classes of phases, those of
/// the class with the largest quotient (each class must be stable). Neuts 1981, theorem 3.1.1.
struct QbdDrift {
  double up_per_s = 0.0;
  double down_per_s = 0.0;
};
QbdDrift mean_drift(const Level& repeating);

/// The smallest G >= 0 with down + local G + up G^2 = 0, whatever the drift: rows sum to less than 1 where the chain
/// may drift away. `iterations`, if given, receives the steps; max_iterations + 1 when they did not suffice.
Matrix first_passage_matrix(const Level& repeating, const QbdOptions& options = {}, int* iterations = nullptr);

}  // namespace windtunnel::solvers
