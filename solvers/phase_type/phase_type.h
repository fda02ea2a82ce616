// SPDX-License-Identifier: Apache-2.0
// Phase-type durations: a fixed floor plus the time a small Markov chain takes to leave its phases.
//
//   X = shift + time to absorption of a chain that starts in phase i with probability initial_i,
//
// goes from phase i to j at rate T_ij and ends at rate t_i. Sums, mixtures, minima and scalings of such durations are
// again such durations, exactly; the functions below build them. What is left of `initial` below 1 is an atom: with
// that probability X is the shift itself. No phases at all is a constant. Source: Neuts, Matrix-Geometric Solutions in
// Stochastic Models, 1981, chapter 2.
//
// Only rates off the diagonal are stored, so no row sum is ever formed by subtraction.
#pragma once
#include <Eigen/Core>
#include <Eigen/SparseCore>
#include <span>

#include "solvers/numerics/central_moments.h"

namespace windtunnel::solvers {

class PhaseType {
 public:
  using Rates = Eigen::SparseMatrix<double, Eigen::RowMajor>;

  /// The constant 0.
  PhaseType() = default;

  /// `initial`: n probabilities, sum <= 1. `rate_per_s`: n x n, >= 0, zero diagonal. `exit_per_s`: n, >= 0; every phase
  /// must reach one with a positive exit. `shift_s` >= 0. Throws std::invalid_argument naming the phase otherwise.
  PhaseType(double shift_s, Eigen::VectorXd initial, Rates rate_per_s, Eigen::VectorXd exit_per_s);

  double shift_s() const { return shift_s_; }
  int phases() const { return static_cast<int>(initial_.size()); }
  const Eigen::VectorXd& initial() const { return initial_; }
  /// Rates between different phases.
  const Rates& rate_per_s() const { return rate_per_s_; }
  /// Rate at which phase i ends the duration.
  const Eigen::VectorXd& exit_per_s() const { return exit_per_s_; }
  /// Rate at which phase i is left in any way, > 0.
  const Eigen::VectorXd& leave_per_s() const { return leave_per_s_; }
  /// True when every rate leads to a phase with a higher number: then all solves are one backward substitution.
  bool feeds_forward() const { return feeds_forward_; }
  /// Probability that the duration is exactly the shift.
  double atom() const { return atom_; }

  double mean_s() const { return moments_.mean_s; }
  double variance_s2() const { return moments_.variance_s2; }
  double scv() const { return moments_.scv(); }
  /// Computed once, when built. Central moments come from the recursion of a sum of independent parts (time in a phase,
  /// time after it), which adds positive terms for the variance: a floor of hours does not eat the digits of a jitter
  /// of microseconds.
  const CentralMoments& moments() const { return moments_; }

  friend PhaseType shifted(const PhaseType& x, double extra_s);

 private:
  double shift_s_ = 0.0;
  Eigen::VectorXd initial_;
  Rates rate_per_s_;
  Eigen::VectorXd exit_per_s_;
  Eigen::VectorXd leave_per_s_;
  double atom_ = 1.0;
  bool feeds_forward_ = true;
  CentralMoments moments_;
};

/// Always `value_s` >= 0.
PhaseType constant(double value_s);
PhaseType exponential(double rate_per_s);
/// Sum of `phases` >= 1 exponentials of the same rate.
PhaseType erlang(int phases, double rate_per_s);
/// With probabilities[i] an exponential of rates_per_s[i]; probabilities sum to 1 within 1e-9.
PhaseType hyperexponential(std::span<const double> probabilities, std::span<const double> rates_per_s);
/// The textbook form: initial vector and sub-generator T (negative diagonal, row sums <= 0). A row sum within 1e-12 of
/// zero, relative to the diagonal, counts as zero: it is rounding of the caller's subtraction.
PhaseType from_sub_generator(const Eigen::VectorXd& initial, const Eigen::MatrixXd& sub_generator,
                             double shift_s = 0.0);

/// X + Y, independent; phases add. Exact.
PhaseType convolution(const PhaseType& x, const PhaseType& y);
/// The sum of all `parts`; phases add. For thousands of parts add moments instead and fit
/// (solvers/phase_type/phase_type_fit.h).
PhaseType convolution(std::span<const PhaseType> parts);
/// With probability weights[i] the duration is parts[i]. Exact, phases add; all parts need the same shift, because
/// durations with two floors are not phase-type: then mix distributions (solvers/phase_type/order_statistics.h) or
/// moments instead.
PhaseType mixture(std::span<const double> weights, std::span<const PhaseType> parts);
/// min(X, Y), independent; n_x * n_y phases (Kronecker sum). Exact, shifts must agree.
PhaseType minimum(const PhaseType& x, const PhaseType& y);
/// factor * X, factor > 0.
PhaseType scaled(const PhaseType& x, double factor);
/// X + extra_s, extra_s >= -shift.
PhaseType shifted(const PhaseType& x, double extra_s);

}  // namespace windtunnel::solvers
