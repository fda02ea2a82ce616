// SPDX-License-Identifier: Apache-2.0
// Expectation of a function of a Poisson count, summed outwards from the mode until what is left is provably
// negligible, so that the result keeps relative accuracy however small it is. No truncation point is guessed.
#pragma once
#include <cmath>

namespace windtunnel::solvers {

/// Probability that a Poisson count with mean `lambda` > 0 equals its mode, floor(lambda). The exponent is formed from
/// the difference lambda - mode, so nothing cancels for large lambda. Source: C. Loader, Fast and Accurate Computation
/// of Binomial Probabilities, 2000 (saddle-point form).
double poisson_mode_probability(double lambda);

/// Sum over j >= 0 of Poisson(j; lambda) * value(j), lambda >= 0, values >= 0. `bound_below(j)` bounds value(i) for all
/// i <= j and `bound_above(j)` for all i >= j. Each cut drops at most 1e-16 of the sum: half a rounding error of a
/// double. The tail of the Poisson law beyond j is at most its last term over 1 - ratio, ratio being that of the next
/// two terms, as the ratios fall.
template <typename Value, typename BoundBelow, typename BoundAbove>
double poisson_expectation(double lambda, Value value, BoundBelow bound_below, BoundAbove bound_above) {
  if (lambda == 0.0) return value(0);
  constexpr double kNegligible = 1e-16;
  const auto mode = static_cast<long>(std::floor(lambda));
  const double mode_probability = poisson_mode_probability(lambda);
  const double reciprocal = 1.0 / lambda;
  double total = mode_probability * value(mode);
  double probability = mode_probability;
  for (long j = mode; j > 0 && probability > 0.0; --j) {
    const double ratio = static_cast<double>(j) * reciprocal;
    if (j < mode && probability * ratio * bound_below(j - 1) <= kNegligible * total * (1.0 - ratio)) break;
    probability *= ratio;
    total += probability * value(j - 1);
  }
  probability = mode_probability;
  for (long j = mode + 1; probability > 0.0; ++j) {
    const double ratio = lambda / static_cast<double>(j);
    if (probability * ratio * bound_above(j) <= kNegligible * total * (1.0 - ratio)) break;
    probability *= ratio;
    total += probability * value(j);
  }
  return total;
}

}  // namespace windtunnel::solvers
