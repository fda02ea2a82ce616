// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/root_finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace windtunnel::solvers {
namespace {

struct Point {
  double x = 0.0;
  double value = 0.0;
};

bool same_sign(double a, double b) {
  return std::signbit(a) == std::signbit(b);
}

// Where to look next, as the fraction of the way from `best` to `other`; `previous` is the point that was dropped last.
// Comparisons with NaN (from infinite values) are false, which means bisection.
double next_fraction(const Point& best, const Point& other, const Point& previous) {
  const double xi = (best.x - other.x) / (previous.x - other.x);
  const double phi = (best.value - other.value) / (previous.value - other.value);
  const bool interpolation_is_safe = phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi;
  if (!interpolation_is_safe) return 0.5;
  const double along = best.value / (other.value - best.value) * (previous.value / (other.value - previous.value));
  const double across = (previous.x - best.x) / (other.x - best.x) * (best.value / (previous.value - best.value)) *
                        (other.value / (previous.value - other.value));
  return along + across;
}

}  // namespace

double find_root(const std::function<double(double)>& function, double low, double high, double relative_tolerance,
                 double absolute_tolerance) {
  Point a{high, function(high)}, b{low, function(low)};
  if (a.value == 0.0) return a.x;
  if (b.value == 0.0) return b.x;
  if (!(same_sign(a.value, 1.0) != same_sign(b.value, 1.0)))
    throw std::invalid_argument(
        fmt::format("no sign change between {} (value {}) and {} (value {})", low, b.value, high, a.value));
  double fraction = 0.5;
  // Bisection alone needs at most ~2,100 halvings from the widest bracket of doubles; the loop ends long before.
  for (int step = 0; step < 3000; ++step) {
    Point c{a.x + fraction * (b.x - a.x), 0.0};
    c.value = function(c.x);
    Point previous;
    if (same_sign(c.value, a.value)) {
      previous = a;
    } else {
      previous = b;
      b = a;
    }
    a = c;
    const double best = std::abs(a.value) < std::abs(b.value) ? a.x : b.x;
    const double tolerance =
        std::max(relative_tolerance, 2.0 * std::numeric_limits<double>::epsilon()) * std::abs(best) +
        absolute_tolerance;
    const double smallest_fraction = tolerance / std::abs(b.x - a.x);
    if (smallest_fraction > 0.5 || a.value == 0.0) return a.value == 0.0 ? a.x : best;
    fraction = std::clamp(next_fraction(a, b, previous), smallest_fraction, 1.0 - smallest_fraction);
  }
  return 0.5 * (a.x + b.x);
}

}  // namespace windtunnel::solvers
