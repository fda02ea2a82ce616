// SPDX-License-Identifier: Apache-2.0
// Moments of the larger of two correlated normal variables.
// Source: C. E. Clark, The Greatest of a Finite Set of Random Variables, Operations Research 9(2), 1961.
#pragma once

namespace windtunnel::solvers {

struct GaussianMaximum {
  double mean_s = 0.0;
  double variance_s2 = 0.0;
  /// P(X > Y). Also the weight of X in every covariance: cov(max(X, Y), Z) = weight cov(X, Z) + (1 - weight) cov(Y, Z)
  /// for Z jointly normal with X and Y (Clark's equation 4).
  double first_is_larger = 0.0;
};

/// Exact mean and variance of max(X, Y); repeated use (a maximum of three, a graph) takes each maximum for normal
/// again, which is an approximation. Variances >= 0, |covariance| at most the product of the standard deviations (1e-9
/// relative for rounding), else std::invalid_argument.
GaussianMaximum gaussian_maximum(double mean_x_s, double variance_x_s2, double mean_y_s, double variance_y_s2,
                                 double covariance_s2);

}  // namespace windtunnel::solvers
