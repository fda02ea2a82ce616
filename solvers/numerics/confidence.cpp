// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/confidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "solvers/numerics/normal_distribution.h"
#include "solvers/numerics/root_finding.h"

namespace windtunnel::solvers {
namespace {

// Coefficient d_k of the continued fraction of the incomplete beta function, DLMF 8.17.23.
double beta_coefficient(int k, double x, double a, double b) {
  const double m = k / 2;
  if (k % 2 == 0) return m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
  return -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
}

// I_x(a, b) for x < (a + 1) / (a + b + 2), where the fraction converges fast; modified Lentz evaluation.
double small_incomplete_beta(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  double fraction = 1.0, c = 1.0, d = 0.0;
  for (int k = 1; k < 10'000; ++k) {
    const double coefficient = beta_coefficient(k, x, a, b);
    d = 1.0 / std::max(1.0 + coefficient * d, kTiny);
    c = std::max(1.0 + coefficient / c, kTiny);
    fraction *= c * d;
    if (std::abs(c * d - 1.0) < 1e-15) break;
  }
  const double log_front =
      a * std::log(x) + b * std::log1p(-x) - (std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b));
  return std::exp(log_front) / (a * fraction);
}

double incomplete_beta(double x, double a, double b) {
  if (x <= 0.0) return 0.0;
  if (x >= 1.0) return 1.0;
  return x < (a + 1.0) / (a + b + 2.0) ? small_incomplete_beta(x, a, b) : 1.0 - small_incomplete_beta(1.0 - x, b, a);
}

// P(T > t), t > 0: half of I_x(degrees / 2, 1 / 2) at x = degrees / (degrees + t^2).
double student_t_survival(double t, double degrees) {
  return 0.5 * incomplete_beta(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
}

void require_probability(double probability, const char* what) {
  if (!(probability > 0.0 && probability < 1.0))
    throw std::invalid_argument(fmt::format("{} {}, expected between 0 and 1", what, probability));
}

void require_samples(std::span<const double> samples) {
  if (samples.size() < 2)
    throw std::invalid_argument(
        fmt::format("confidence interval from {} samples, expected at least 2", samples.size()));
}

double mean(std::span<const double> samples) {
  double total = 0.0;
  for (const double sample : samples) total += sample;
  return total / static_cast<double>(samples.size());
}

double sum_of_squares(std::span<const double> samples, double centre) {
  double total = 0.0;
  for (const double sample : samples) total += (sample - centre) * (sample - centre);
  return total;
}

}  // namespace

double student_t_quantile(double probability, double degrees) {
  require_probability(probability, "Student quantile of probability");
  if (!(degrees > 0.0)) throw std::invalid_argument(fmt::format("degrees of freedom {}, expected above 0", degrees));
  if (probability == 0.5) return 0.0;
  if (probability < 0.5) return -student_t_quantile(1.0 - probability, degrees);
  const auto excess = [&](double t) { return std::log1p(-probability) - std::log(student_t_survival(t, degrees)); };
  double high = 1.0;
  while (excess(high) < 0.0) high *= 2.0;
  return find_root(excess, 0.0, high, 1e-13);
}

Estimate mean_estimate(std::span<const double> samples, double confidence) {
  require_samples(samples);
  require_probability(confidence, "confidence");
  const double n = static_cast<double>(samples.size()), value = mean(samples);
  const double standard_error = std::sqrt(sum_of_squares(samples, value) / (n - 1.0) / n);
  const double half = student_t_quantile(0.5 * (1.0 + confidence), n - 1.0) * standard_error;
  return {value, value - half, value + half};
}

Estimate variance_estimate(std::span<const double> samples, double confidence) {
  require_samples(samples);
  const double n = static_cast<double>(samples.size()), centre = mean(samples);
  std::vector<double> squares;
  for (const double sample : samples) squares.push_back((sample - centre) * (sample - centre) * n / (n - 1.0));
  return mean_estimate(squares, confidence);
}

Estimate quantile_estimate(std::span<const double> sorted_samples, double probability, double confidence) {
  require_samples(sorted_samples);
  require_probability(probability, "quantile of probability");
  require_probability(confidence, "confidence");
  const double n = static_cast<double>(sorted_samples.size());
  const double half = normal_quantile(0.5 * (1.0 + confidence)) * std::sqrt(n * probability * (1.0 - probability));
  const auto at_rank = [&](double rank) {  // 1 is the smallest sample
    if (rank < 1.0) return -std::numeric_limits<double>::infinity();
    if (rank > n) return std::numeric_limits<double>::infinity();
    return sorted_samples[static_cast<size_t>(rank) - 1];
  };
  const double middle = std::clamp(std::ceil(n * probability), 1.0, n);
  return {at_rank(middle), at_rank(std::floor(n * probability - half)),
          at_rank(std::ceil(n * probability + half) + 1.0)};
}

}  // namespace windtunnel::solvers
