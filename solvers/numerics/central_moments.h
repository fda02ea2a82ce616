// SPDX-License-Identifier: Apache-2.0
// Mean and second to fourth central moments of a duration, and how sums, mixtures and scalings change them. Adding
// thousands of independent durations costs four additions each; fit_phase_type (solvers/phase_type/phase_type_fit.h)
// turns the sum back into a distribution of few phases.
#pragma once
#include <array>
#include <span>

namespace windtunnel::solvers {

struct CentralMoments {
  double mean_s = 0.0;
  /// E[(X - mean)^2], >= 0.
  double variance_s2 = 0.0;
  /// E[(X - mean)^3].
  double third_s3 = 0.0;
  /// E[(X - mean)^4], >= variance^2.
  double fourth_s4 = 0.0;

  /// Squared coefficient of variation: variance / mean^2; 0 for a constant, infinite for a spread around a mean of 0.
  double scv() const;
  double standard_deviation_s() const;
  /// third / variance^1.5, 0 for a constant.
  double skewness() const;
  /// fourth / variance^2 - 3, 0 for a constant (and for a normal).
  double excess_kurtosis() const;
  /// E[X], E[X^2], E[X^3], E[X^4].
  std::array<double, 4> raw() const;
};

/// Moments of X + Y, X and Y independent: cumulants add (Kendall and Stuart, The Advanced Theory of Statistics
/// I, 3.12).
CentralMoments sum(const CentralMoments& x, const CentralMoments& y);

/// Moments of the sum of `count` independent copies of X. `count` >= 0, else std::invalid_argument.
CentralMoments repeated(const CentralMoments& x, double count);

/// Moments of factor * X, factor >= 0, else std::invalid_argument.
CentralMoments scaled(const CentralMoments& x, double factor);

/// Moments of a mixture: with probability weights[i] the duration is parts[i]. The weights are >= 0 and sum to 1 within
/// 1e-9 (room for weights read from text), else std::invalid_argument.
CentralMoments mixture(std::span<const double> weights, std::span<const CentralMoments> parts);

}  // namespace windtunnel::solvers
