// SPDX-License-Identifier: Apache-2.0
// Phase-type durations with given moments.
#pragma once
#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

struct PhaseTypeFitOptions {
  /// Most phases a fit may use, >= 2. Durations steadier than 1 / max_phases get a floor instead of more phases.
  int max_phases = 50;
};

/// A duration with exactly this mean (s, > 0, or 0 with scv 0) and squared coefficient of variation (>= 0, finite):
///
/// | scv                  | form                                                | skewness                  |
/// |----------------------|-----------------------------------------------------|---------------------------|
/// | 0                    | constant                                            | 0                         |
/// | < 1 / max_phases     | floor + Erlang(max_phases)                          | 2 / sqrt(max_phases)      |
/// | 1 / max_phases ... 1 | mixture of Erlang(k-1) and Erlang(k), one rate      | 2 sqrt(scv) where 1/scv   |
/// |                      | (Tijms, A First Course in Stochastic Models, A.2)   | is whole, near it between |
/// | > 1                  | hyperexponential of two rates, balanced means       | (3 scv^2 - 1) / scv^1.5   |
///
/// The floor form is more skewed than the Erlang of the same scv (0.283 with 50 phases instead of 2 sqrt(scv)), so its
/// upper tail, and with it the maximum of many, lies higher: a stated choice on the safe side. Where the skewness is
/// known, use the fit of moments below. Throws std::invalid_argument for impossible moments.
PhaseType fit_phase_type(double mean_s, double scv, const PhaseTypeFitOptions& options = {});

/// A duration with exactly this mean and variance and, where the family reaches it, this third moment: the forms above
/// with a floor chosen for the skewness. Reached: from 2 sqrt(max(scv, 1 / max_phases)) (for scv > 1: the
/// balanced-means value) upwards; below, the third moment is the smallest the family has, without a floor or with the
/// most phases. The fourth moment is not fitted. Compare with fit.moments().
PhaseType fit_phase_type(const CentralMoments& moments, const PhaseTypeFitOptions& options = {});

/// Approximates the sum of `count` independent copies of x by a fit to three moments of at most options.max_phases
/// phases; exact are mean, variance and, within the range above, skewness. The default of 400 phases lets the skewness
/// fall to 0.1, as sums are nearly normal. Measured against exact convolutions (test/solvers/phase_type_fit_test.cpp),
/// largest error of the distribution function: 6e-4 for 30 copies of scv 0.3, 8e-4 for 100 of scv 4, 2e-3 for 16 of scv
/// 0.01, but 0.033 for 10 of scv 4: few copies of a bursty duration are better convolved exactly. Far tails lie high,
/// the 1e-5 quantile by 0.03 to 0.3 standard deviations; where the true skewness is below 0.05, normal() of
/// solvers/phase_type/order_statistics.h is nearer.
PhaseType approximate_repeated(const PhaseType& x, double count,
                               const PhaseTypeFitOptions& options = {.max_phases = 400});

}  // namespace windtunnel::solvers
