// SPDX-License-Identifier: Apache-2.0
// Confidence intervals of simulated numbers.
#pragma once
#include <span>

namespace windtunnel::solvers {

/// A number and the interval that holds the truth with the confidence asked for.
struct Estimate {
  double value = 0.0;
  double low = 0.0;
  double high = 0.0;
  bool contains(double x) const { return low <= x && x <= high; }
};

/// The x with P(T <= x) = probability for Student's t with `degrees` > 0 degrees of freedom, 0 < probability < 1.
/// From the incomplete beta function (DLMF 8.17.22 as continued fraction); 1e-12 relative. Throws
/// std::invalid_argument.
double student_t_quantile(double probability, double degrees);

/// Mean of independent samples (at least 2) with Student's interval: exact for normal samples, asymptotic for others.
/// 0 < confidence < 1.
Estimate mean_estimate(std::span<const double> samples, double confidence);

/// Variance of independent samples, at least 2, with divisor n - 1; interval from the samples' own fourth moment,
/// asymptotic.
Estimate variance_estimate(std::span<const double> samples, double confidence);

/// Quantile of independent samples in increasing order; the interval lies between two order statistics whose ranks
/// follow the binomial count of samples below (normal approximation). Free of assumptions on the law. Source: David and
/// Nagaraja, 7.1. Where the samples do not reach far enough, the interval ends at -inf or +inf.
Estimate quantile_estimate(std::span<const double> sorted_samples, double probability, double confidence);

}  // namespace windtunnel::solvers
