// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/recovery.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "modeling/chains/health/power_series.h"

namespace windtunnel::modeling {

namespace {

/// Two exponential phases of balanced means: p / rate is the same for both (Whitt, Operations Research 30, 1982).
struct BalancedPhases {
  std::array<double, 2> probability{};
  std::array<double, 2> rate_per_s{};
};

BalancedPhases balanced_phases(const Duration& duration) {
  const double p = 0.5 * (1.0 + std::sqrt((duration.scv - 1.0) / (duration.scv + 1.0)));
  return {{p, 1.0 - p}, {2.0 * p / duration.mean_s, 2.0 * (1.0 - p) / duration.mean_s}};
}

/// E[exp(-(s + u) X)] as a series in u.
PowerSeries transform_series(const Duration& duration, double s) {
  const PowerSeries z = PowerSeries::variable(s);
  const PowerSeries one = PowerSeries::constant(1);
  if (duration.mean_s == 0.0) return one;
  const PowerSeries load = z * PowerSeries::constant(duration.mean_s);
  if (duration.scv == 0.0) return exp(PowerSeries::constant(-1) * load);
  if (duration.scv <= 1.0)
    return exp(PowerSeries::constant(-1.0L / duration.scv) * log(one + PowerSeries::constant(duration.scv) * load));
  const BalancedPhases phases = balanced_phases(duration);
  PowerSeries sum;
  for (int k = 0; k < 2; ++k) {
    const PowerSeries rate = PowerSeries::constant(phases.rate_per_s[k]);
    sum = sum + PowerSeries::constant(phases.probability[k]) * rate / (rate + z);
  }
  return sum;
}

PowerSeries route_series(const std::vector<RecoveryRoute>& routes, double s) {
  PowerSeries sum;
  for (const RecoveryRoute& route : routes) {
    PowerSeries product = PowerSeries::constant(route.share);
    for (const Duration& stage : route.stages) product = product * transform_series(stage, s);
    sum = sum + product;
  }
  return sum;
}

double route_transform(const RecoveryRoute& route, double s) {
  double product = 1.0;
  for (const Duration& stage : route.stages) product *= laplace_transform(stage, s);
  return product;
}

/// 1 - the product of the stages' transforms: 1 - a b = (1 - a) + a (1 - b).
double route_complement(const RecoveryRoute& route, double s) {
  double complement = 0.0;
  double passed = 1.0;
  for (const Duration& stage : route.stages) {
    complement += passed * laplace_complement(stage, s);
    passed *= laplace_transform(stage, s);
  }
  return complement;
}

/// Cumulants from E[exp(-u X)]: its logarithm is -k1 u + k2 u^2 / 2 - k3 u^3 / 6. The fourth is not carried.
solvers::CentralMoments from_transform(const PowerSeries& transform) {
  const PowerSeries cumulants = log(transform);
  const auto variance = static_cast<double>(2.0L * cumulants.a[2]);
  return {.mean_s = static_cast<double>(-cumulants.a[1]),
          .variance_s2 = std::max(0.0, variance),
          .third_s3 = static_cast<double>(-6.0L * cumulants.a[3]),
          .fourth_s4 = 3.0 * variance * variance};
}

}  // namespace

double RecoveryRoute::mean_s() const {
  double sum = 0.0;
  for (const Duration& stage : stages) sum += stage.mean_s;
  return sum;
}

double laplace_transform(const Duration& duration, double s) {
  const double load = s * duration.mean_s;
  if (load == 0.0) return 1.0;
  if (duration.scv == 0.0) return std::exp(-load);
  if (duration.scv <= 1.0) return std::exp(-std::log1p(load * duration.scv) / duration.scv);
  const BalancedPhases phases = balanced_phases(duration);
  double sum = 0.0;
  for (int k = 0; k < 2; ++k) sum += phases.probability[k] * phases.rate_per_s[k] / (phases.rate_per_s[k] + s);
  return sum;
}

double laplace_complement(const Duration& duration, double s) {
  const double load = s * duration.mean_s;
  if (load == 0.0) return 0.0;
  if (duration.scv == 0.0) return -std::expm1(-load);
  if (duration.scv <= 1.0) return -std::expm1(-std::log1p(load * duration.scv) / duration.scv);
  const BalancedPhases phases = balanced_phases(duration);
  double sum = 0.0;
  for (int k = 0; k < 2; ++k) sum += phases.probability[k] * s / (phases.rate_per_s[k] + s);
  return sum;
}

solvers::CentralMoments moments(const Duration& duration) {
  return from_transform(transform_series(duration, 0.0));
}

double struck_recovery_s(const std::vector<RecoveryRoute>& routes, double failure_per_s) {
  double mean = 0.0;
  double passed = 0.0;
  double given_up = 0.0;
  for (const RecoveryRoute& route : routes) {
    mean += route.share * route.mean_s();
    passed += route.share * route_transform(route, failure_per_s);
    given_up += route.share * route_complement(route, failure_per_s);
  }
  if (failure_per_s == 0.0) return mean;
  return passed > 0.0 ? given_up / (failure_per_s * passed) : std::numeric_limits<double>::infinity();
}

solvers::CentralMoments struck_recovery_moments(const std::vector<RecoveryRoute>& routes, double failure_per_s) {
  // Below this rate x mean, strikes change the spread by less than that share, and the quotients would cancel.
  constexpr double kNegligibleLoad = 1e-4;
  double mean = 0.0;
  for (const RecoveryRoute& route : routes) mean += route.share * route.mean_s();
  if (failure_per_s * mean < kNegligibleLoad) return from_transform(route_series(routes, 0.0));
  const PowerSeries passed = route_series(routes, failure_per_s);
  const PowerSeries struck =
      PowerSeries::constant(failure_per_s) * (PowerSeries::constant(1) - passed) / PowerSeries::variable(failure_per_s);
  return from_transform(passed / (PowerSeries::constant(1) - struck));
}

}  // namespace windtunnel::modeling
