// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/poisson_expectation.h"

#include <numbers>

namespace windtunnel::solvers {
namespace {

// log(n!) minus Stirling's formula n log n - n + log(2 pi n) / 2, for n >= 16: the series of Abramowitz and
// Stegun 6.1.41; the first term left out, 1 / (1188 n^9), is below 2e-14 of the leading one.
double stirling_error(double n) {
  const double square = n * n;
  return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / 1680.0 / square) / square) / square) / n;
}

}  // namespace

double poisson_mode_probability(double lambda) {
  const double mode = std::floor(lambda);
  if (mode < 16.0) return std::exp(-lambda + mode * std::log(lambda) - std::lgamma(mode + 1.0));
  const double excess = lambda - mode;  // in [0, 1)
  const double exponent = -excess + mode * std::log1p(excess / mode) - stirling_error(mode);
  return std::exp(exponent) / std::sqrt(2.0 * std::numbers::pi * mode);
}

}  // namespace windtunnel::solvers
