// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/incomplete_gamma.h"

#include <cmath>
#include <limits>

namespace windtunnel::solvers {
namespace {

/// Both expansions converge in about 10 sqrt(shape) terms where they are used.
constexpr int kMostTerms = 100'000;
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

double lower_by_series(double shape, double x, double factor) {
  double term = 1.0 / shape, sum = term;
  for (int n = 1; n < kMostTerms && term > kEpsilon * sum; ++n) sum += term *= x / (shape + n);
  return factor * sum;
}

/// Lentz's evaluation of the continued fraction.
double upper_by_fraction(double shape, double x, double factor) {
  constexpr double kTiny = 1e-300;
  double b = x + 1.0 - shape, c = 1.0 / kTiny, d = 1.0 / b, fraction = d;
  for (int n = 1; n < kMostTerms; ++n) {
    const double a = -n * (n - shape);
    b += 2.0;
    d = 1.0 / (std::abs(a * d + b) < kTiny ? kTiny : a * d + b);
    c = std::abs(b + a / c) < kTiny ? kTiny : b + a / c;
    fraction *= d * c;
    if (std::abs(d * c - 1.0) < kEpsilon) break;
  }
  return factor * fraction;
}

}  // namespace

double gamma_survival(double shape, double x) {
  if (x <= 0.0) return 1.0;
  const double factor = std::exp(shape * std::log(x) - x - std::lgamma(shape));
  return x < shape + 1.0 ? 1.0 - lower_by_series(shape, x, factor) : upper_by_fraction(shape, x, factor);
}

}  // namespace windtunnel::solvers
