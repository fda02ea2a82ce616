// SPDX-License-Identifier: Apache-2.0
// Probabilities of a Poisson count around its mode, with the exact mass of both tails that were cut: what
// uniformization needs.
#pragma once
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

struct PoissonWeights {
  /// First count kept.
  Index left = 0;
  /// weight(k) = P(count = left + k); at least one entry.
  Vector weight;
  /// P(count < left) and P(count > right()), each at most half the tolerance asked for.
  double left_mass = 0.0;
  double right_mass = 0.0;

  /// Last count kept.
  Index right() const { return left + weight.size() - 1; }
  double lost_mass() const { return left_mass + right_mass; }
};

/// Starts from log-gamma at the mode and follows the ratios p(k+1) / p(k) = mean / (k+1) both ways, past the cuts until
/// nothing is left, so that weights and tails sum to 1. About 6 to 8 standard deviations each side. mean >= 0 and
/// finite, 0 < tolerance < 1, else std::invalid_argument. Replaces the truncation points of Fox and Glynn,
/// Communications of the ACM 31(4), 1988, which fail for small tolerances.
PoissonWeights poisson_weights(double mean, double tolerance);

}  // namespace windtunnel::solvers
