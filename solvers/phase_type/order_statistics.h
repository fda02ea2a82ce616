// SPDX-License-Identifier: Apache-2.0
// The slowest of many: distribution, moments and quantiles of a maximum of independent durations, exact up to the
// stated integration error, however many there are (F^n is formed as exp(n log F), so n = 1e6 costs what n = 2 does).
// Source: David and Nagaraja, Order Statistics, 2003, chapters 2 and 4.
#pragma once
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

/// A law given by its functions. Both tails are given because 1 - F loses the digits that the maximum of many is made
/// of.
struct Distribution {
  /// P(X <= t), non-decreasing.
  std::function<double(double)> cdf;
  /// P(X > t), non-increasing.
  std::function<double(double)> survival;
  /// A point somewhere in the bulk, for example the mean.
  double location_s = 0.0;
  /// A length of the size of the bulk, for example the standard deviation; > 0, or 0 for a constant.
  double width_s = 0.0;
  /// No value lies below.
  double lower_s = -std::numeric_limits<double>::infinity();
};

Distribution distribution_of(const PhaseType& duration);
Distribution standard_normal();
Distribution normal(double mean_s, double standard_deviation_s);

/// With probability weights[i] the duration is parts[i]; shifts and kinds may differ. Weights >= 0, sum 1 within 1e-9.
Distribution mixture(std::span<const double> weights, const std::vector<Distribution>& parts);

/// `count` >= 0 independent members of the same law; not necessarily whole (a mean count, an exponent).
struct MaximumGroup {
  Distribution member;
  double count = 1.0;
};

/// Law of the largest of all members of all groups, itself usable as a member of a further maximum (two-level joins):
/// product of member.cdf^count. Throws std::invalid_argument when no group has a member.
Distribution maximum(std::vector<MaximumGroup> groups);

/// Largest of n independent copies, n > 0.
Distribution maximum(const Distribution& member, double count);

/// Largest of n members of which each, independently, is slow with `slow_probability`, so that the number of slow ones
/// is binomial. Averaging F_slow^K F_fast^(n-K) over K gives (p F_slow + (1 - p) F_fast)^n: the maximum of n members of
/// the mixture.
Distribution maximum_with_slow_members(const Distribution& fast, const Distribution& slow, double slow_probability,
                                       double count);

struct MeanVariance {
  double mean_s = 0.0;
  double variance_s2 = 0.0;
};

/// Mean and variance by integrating both tails outwards from the median, so the variance does not cancel against the
/// mean. Error at most about 1e-11 of the width (mean) and of the variance, plus what the law's own functions err. The
/// tails are cut where 1e-18 of probability is left: enough for tails that fall at least as fast as an exponential.
MeanVariance mean_and_variance(const Distribution& law);

/// Smallest t with P(X <= t) >= probability, 0 < probability < 1, else std::invalid_argument; 1e-12 of the width.
double quantile_s(const Distribution& law, double probability);
/// Smallest t with P(X > t) <= probability.
double upper_quantile_s(const Distribution& law, double probability);

}  // namespace windtunnel::solvers
