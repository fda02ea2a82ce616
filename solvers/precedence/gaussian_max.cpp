// SPDX-License-Identifier: Apache-2.0
#include "solvers/precedence/gaussian_max.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "solvers/numerics/normal_distribution.h"

namespace windtunnel::solvers {
namespace {

void check(double variance_x, double variance_y, double covariance) {
  for (const double variance : {variance_x, variance_y})
    if (!(variance >= 0.0) || std::isinf(variance))
      throw std::invalid_argument(fmt::format("variance {} of a normal is not a finite number >= 0", variance));
  const double most = std::sqrt(variance_x * variance_y);
  if (!(std::abs(covariance) <= most * (1.0 + 1e-9)))
    throw std::invalid_argument(
        fmt::format("covariance {} exceeds the product of standard deviations {}", covariance, most));
}

}  // namespace

// With theta the standard deviation of X - Y and alpha = (mean_x - mean_y) / theta:
//   E[max] = mean_x Phi(alpha) + mean_y Phi(-alpha) + theta phi(alpha).
// Moments are taken about the larger mean, so far-off times do not cancel in the variance.
GaussianMaximum gaussian_maximum(double mean_x_s, double variance_x_s2, double mean_y_s, double variance_y_s2,
                                 double covariance_s2) {
  check(variance_x_s2, variance_y_s2, covariance_s2);
  const double theta_squared = variance_x_s2 + variance_y_s2 - 2.0 * covariance_s2;
  const double difference_s = mean_x_s - mean_y_s;
  // Of a difference that is rounding of the variances nothing is known: X - Y is constant and the later one decides.
  if (theta_squared <= 1e-14 * (variance_x_s2 + variance_y_s2)) {
    if (difference_s >= 0.0) return {mean_x_s, variance_x_s2, difference_s > 0.0 ? 1.0 : 0.5};
    return {mean_y_s, variance_y_s2, 0.0};
  }
  const double theta = std::sqrt(theta_squared), alpha = difference_s / theta;
  // Beyond it the earlier one is last with a probability below 1e-19, which no digit of the result would show.
  constexpr double kDecided = 9.0;
  if (alpha > kDecided) return {mean_x_s, variance_x_s2, 1.0};
  if (alpha < -kDecided) return {mean_y_s, variance_y_s2, 0.0};
  const double underdog_wins = normal_cdf(-std::abs(alpha)), favourite_wins = 1.0 - underdog_wins;
  const double x_wins = alpha >= 0.0 ? favourite_wins : underdog_wins;
  const double y_wins = alpha >= 0.0 ? underdog_wins : favourite_wins;
  const double spread = theta * normal_density(alpha);
  const double x = std::min(difference_s, 0.0), y = std::min(-difference_s, 0.0);
  const double mean = x * x_wins + y * y_wins + spread;
  const double square = (x * x + variance_x_s2) * x_wins + (y * y + variance_y_s2) * y_wins + (x + y) * spread;
  return {std::max(mean_x_s, mean_y_s) + mean, std::max(0.0, square - mean * mean), x_wins};
}

}  // namespace windtunnel::solvers
