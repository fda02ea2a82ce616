// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/order_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>

#include "solvers/numerics/normal_distribution.h"
#include "solvers/numerics/quadrature.h"
#include "solvers/numerics/root_finding.h"
#include "solvers/phase_type/phase_type_curve.h"

namespace windtunnel::solvers {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Whichever of the two small probabilities has the digits decides.
double log_cdf(const Distribution& law, double t_s) {
  const double survival = law.survival(t_s);
  return survival < 0.5 ? std::log1p(-survival) : std::log(law.cdf(t_s));
}

double log_cdf(const std::vector<MaximumGroup>& groups, double t_s) {
  double total = 0.0;
  for (const MaximumGroup& group : groups) total += group.count * log_cdf(group.member, t_s);
  return total;
}

// Root of tail probability minus target, in logarithms; `sign` turns the survival into an increasing function. The
// bracket grows from the bulk by doubling, and stops at the law's lower end, which is the answer when it already holds
// the mass.
double solve(const Distribution& law, const std::function<double(double)>& tail, double sign, double probability,
             double tolerance) {
  const auto excess = [&](double t_s) { return sign * (std::log(tail(t_s)) - std::log(probability)); };
  double low_s = law.location_s, high_s = law.location_s;
  for (double step_s = law.width_s; excess(low_s) >= 0.0; step_s *= 2.0) {
    low_s = std::max(law.lower_s, law.location_s - step_s);
    if (low_s == law.lower_s && excess(low_s) >= 0.0) return low_s;
  }
  for (double step_s = law.width_s; excess(high_s) < 0.0; step_s *= 2.0) high_s = law.location_s + step_s;
  return find_root(excess, low_s, high_s, 0.0, tolerance * law.width_s);
}

double solve_lower(const Distribution& law, double probability, double tolerance) {
  return solve(law, law.cdf, 1.0, probability, tolerance);
}

double solve_upper(const Distribution& law, double probability, double tolerance) {
  return solve(law, law.survival, -1.0, probability, tolerance);
}

void require_probability(double probability) {
  if (!(probability > 0.0 && probability < 1.0))
    throw std::invalid_argument(fmt::format("quantile of probability {}, expected between 0 and 1", probability));
}

// Where the integrals below are split, so that each piece is smooth on its own scale. A hundredth of the width is near
// enough; the outermost point moves out by that much, so that it cuts no more than its tail.
constexpr double kTailProbability[] = {1e-18, 1e-9, 1e-4, 1e-1};
constexpr double kNearEnough = 1e-2;

std::vector<double> points_below(const Distribution& law, double median_s) {
  std::vector<double> points = {median_s};
  for (const double tail : kTailProbability) points.push_back(std::min(median_s, solve_lower(law, tail, kNearEnough)));
  std::sort(points.begin(), points.end());
  points.front() = std::max(law.lower_s, points.front() - 2.0 * kNearEnough * law.width_s);
  return points;
}

std::vector<double> points_above(const Distribution& law, double median_s) {
  std::vector<double> points = {median_s};
  for (const double tail : kTailProbability) points.push_back(std::max(median_s, solve_upper(law, tail, kNearEnough)));
  std::sort(points.begin(), points.end());
  points.back() += 2.0 * kNearEnough * law.width_s;
  return points;
}

// First and second moment of the distance from the median on one side: integrals of P(beyond) and 2 distance P(beyond).
Eigen::Array2d distance_moments(const std::function<double(double)>& beyond, const std::vector<double>& points,
                                double median_s) {
  const auto integrand = [&](double t_s) {
    const double probability = beyond(t_s);
    return Eigen::Array2d(probability, 2.0 * std::abs(t_s - median_s) * probability);
  };
  const double spread_s = points.back() - points.front();
  // The spread between tails of 1e-18 is 10 to 50 standard deviations.
  return integrate(integrand, points, Eigen::Array2d(1e-14 * spread_s, 1e-15 * spread_s * spread_s));
}

}  // namespace

Distribution distribution_of(const PhaseType& duration) {
  const auto curve = std::make_shared<PhaseTypeCurve>(duration);
  return {.cdf = [curve](double t_s) { return curve->cdf(t_s); },
          .survival = [curve](double t_s) { return curve->survival(t_s); },
          .location_s = duration.mean_s(),
          .width_s = duration.moments().standard_deviation_s(),
          .lower_s = duration.shift_s()};
}

Distribution standard_normal() {
  return {.cdf = normal_cdf, .survival = normal_survival, .location_s = 0.0, .width_s = 1.0};
}

Distribution normal(double mean_s, double standard_deviation_s) {
  if (!(standard_deviation_s > 0.0) || std::isinf(standard_deviation_s))
    throw std::invalid_argument(
        fmt::format("standard deviation {} of a normal is not a finite number > 0", standard_deviation_s));
  return {.cdf = [=](double t_s) { return normal_cdf((t_s - mean_s) / standard_deviation_s); },
          .survival = [=](double t_s) { return normal_survival((t_s - mean_s) / standard_deviation_s); },
          .location_s = mean_s,
          .width_s = standard_deviation_s};
}

Distribution mixture(std::span<const double> weights, const std::vector<Distribution>& parts) {
  std::vector<CentralMoments> moments;
  for (const Distribution& part : parts)
    moments.push_back({.mean_s = part.location_s, .variance_s2 = part.width_s * part.width_s});
  const CentralMoments mixed = mixture(weights, moments);
  double lower_s = kInfinity;
  for (const Distribution& part : parts) lower_s = std::min(lower_s, part.lower_s);
  struct Weighted {
    std::vector<double> weights;
    std::vector<Distribution> parts;
  };
  const auto mix = std::make_shared<const Weighted>(Weighted{{weights.begin(), weights.end()}, parts});
  const auto average = [mix](std::function<double(double)> Distribution::*tail, double t_s) {
    double total = 0.0;
    for (size_t i = 0; i < mix->parts.size(); ++i) total += mix->weights[i] * (mix->parts[i].*tail)(t_s);
    return total;
  };
  return {.cdf = [average](double t_s) { return average(&Distribution::cdf, t_s); },
          .survival = [average](double t_s) { return average(&Distribution::survival, t_s); },
          .location_s = mixed.mean_s,
          .width_s = mixed.standard_deviation_s(),
          .lower_s = lower_s};
}

Distribution maximum(std::vector<MaximumGroup> groups) {
  for (const MaximumGroup& group : groups)
    if (!(group.count >= 0.0) || std::isinf(group.count))
      throw std::invalid_argument(fmt::format("count {} of a maximum is not a finite number >= 0", group.count));
  std::erase_if(groups, [](const MaximumGroup& group) { return group.count == 0.0; });
  if (groups.empty()) throw std::invalid_argument("maximum of no members");
  Distribution law{.location_s = -kInfinity, .width_s = 0.0};
  for (const MaximumGroup& group : groups) {
    law.location_s = std::max(law.location_s, group.member.location_s);
    law.width_s = std::max(law.width_s, group.member.width_s);
    law.lower_s = std::max(law.lower_s, group.member.lower_s);
  }
  law.cdf = [groups](double t_s) { return std::exp(log_cdf(groups, t_s)); };
  law.survival = [groups](double t_s) { return -std::expm1(log_cdf(groups, t_s)); };
  return law;
}

Distribution maximum(const Distribution& member, double count) {
  return maximum({MaximumGroup{member, count}});
}

Distribution maximum_with_slow_members(const Distribution& fast, const Distribution& slow, double slow_probability,
                                       double count) {
  const double weights[] = {1.0 - slow_probability, slow_probability};
  return maximum(mixture(weights, {fast, slow}), count);
}

MeanVariance mean_and_variance(const Distribution& law) {
  if (law.width_s == 0.0) return {.mean_s = law.location_s, .variance_s2 = 0.0};
  const double median_s = solve_upper(law, 0.5, 1e-6);
  const Eigen::Array2d above = distance_moments(law.survival, points_above(law, median_s), median_s);
  const Eigen::Array2d below = distance_moments(law.cdf, points_below(law, median_s), median_s);
  const double from_median_s = above(0) - below(0);
  return {.mean_s = median_s + from_median_s, .variance_s2 = above(1) + below(1) - from_median_s * from_median_s};
}

double quantile_s(const Distribution& law, double probability) {
  require_probability(probability);
  if (law.width_s == 0.0) return law.location_s;
  return probability > 0.5 ? solve_upper(law, 1.0 - probability, 1e-13) : solve_lower(law, probability, 1e-13);
}

double upper_quantile_s(const Distribution& law, double probability) {
  require_probability(probability);
  if (law.width_s == 0.0) return law.location_s;
  return probability > 0.5 ? solve_lower(law, 1.0 - probability, 1e-13) : solve_upper(law, probability, 1e-13);
}

}  // namespace windtunnel::solvers
