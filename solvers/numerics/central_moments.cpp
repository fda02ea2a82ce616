// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/central_moments.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace windtunnel::solvers {

double CentralMoments::scv() const {
  if (variance_s2 == 0.0) return 0.0;
  if (mean_s == 0.0) return std::numeric_limits<double>::infinity();
  return variance_s2 / mean_s / mean_s;
}

double CentralMoments::standard_deviation_s() const {
  return std::sqrt(variance_s2);
}

double CentralMoments::skewness() const {
  return variance_s2 == 0.0 ? 0.0 : third_s3 / variance_s2 / std::sqrt(variance_s2);
}

double CentralMoments::excess_kurtosis() const {
  return variance_s2 == 0.0 ? 0.0 : fourth_s4 / variance_s2 / variance_s2 - 3.0;
}

std::array<double, 4> CentralMoments::raw() const {
  const double m = mean_s;
  return {m, variance_s2 + m * m, third_s3 + 3.0 * m * variance_s2 + m * m * m,
          fourth_s4 + 4.0 * m * third_s3 + 6.0 * m * m * variance_s2 + m * m * m * m};
}

CentralMoments sum(const CentralMoments& x, const CentralMoments& y) {
  return {.mean_s = x.mean_s + y.mean_s,
          .variance_s2 = x.variance_s2 + y.variance_s2,
          .third_s3 = x.third_s3 + y.third_s3,
          .fourth_s4 = x.fourth_s4 + 6.0 * x.variance_s2 * y.variance_s2 + y.fourth_s4};
}

CentralMoments repeated(const CentralMoments& x, double count) {
  if (!(count >= 0.0) || std::isinf(count))
    throw std::invalid_argument(fmt::format("count {} of repeated durations is not a finite number >= 0", count));
  // The fourth cumulant, fourth - 3 variance^2, is the one that adds; 3 variance^2 of the sum is 3 (count variance)^2.
  const double v = x.variance_s2;
  return {.mean_s = count * x.mean_s,
          .variance_s2 = count * v,
          .third_s3 = count * x.third_s3,
          .fourth_s4 = count * x.fourth_s4 + 3.0 * count * (count - 1.0) * v * v};
}

CentralMoments scaled(const CentralMoments& x, double factor) {
  if (!(factor >= 0.0) || std::isinf(factor))
    throw std::invalid_argument(fmt::format("factor {} of a scaled duration is not a finite number >= 0", factor));
  const double square = factor * factor;
  return {.mean_s = factor * x.mean_s,
          .variance_s2 = square * x.variance_s2,
          .third_s3 = square * factor * x.third_s3,
          .fourth_s4 = square * square * x.fourth_s4};
}

namespace {

void require_weights(std::span<const double> weights, size_t parts) {
  if (weights.size() != parts)
    throw std::invalid_argument(fmt::format("mixture of {} parts has {} weights", parts, weights.size()));
  double total = 0.0;
  for (const double weight : weights) {
    if (!(weight >= 0.0)) throw std::invalid_argument(fmt::format("mixture weight {} is not >= 0", weight));
    total += weight;
  }
  if (!(std::abs(total - 1.0) <= 1e-9))
    throw std::invalid_argument(fmt::format("mixture weights sum to {}, expected 1", total));
}

}  // namespace

CentralMoments mixture(std::span<const double> weights, std::span<const CentralMoments> parts) {
  require_weights(weights, parts.size());
  CentralMoments mixed;
  for (size_t i = 0; i < parts.size(); ++i) mixed.mean_s += weights[i] * parts[i].mean_s;
  for (size_t i = 0; i < parts.size(); ++i) {
    const CentralMoments& part = parts[i];
    const double d = part.mean_s - mixed.mean_s;
    mixed.variance_s2 += weights[i] * (part.variance_s2 + d * d);
    mixed.third_s3 += weights[i] * (part.third_s3 + 3.0 * d * part.variance_s2 + d * d * d);
    mixed.fourth_s4 +=
        weights[i] * (part.fourth_s4 + 4.0 * d * part.third_s3 + 6.0 * d * d * part.variance_s2 + d * d * d * d);
  }
  return mixed;
}

}  // namespace windtunnel::solvers
