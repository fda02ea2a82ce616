// SPDX-License-Identifier: Apache-2.0
// The standard normal law.
#pragma once

namespace windtunnel::solvers {

double normal_density(double x);
/// P(Z <= x), with full relative accuracy in the lower tail.
double normal_cdf(double x);
/// P(Z > x), with full relative accuracy in the upper tail.
double normal_survival(double x);
/// The x with P(Z <= x) = probability, 0 < probability < 1, else std::invalid_argument; 1e-13 absolute.
double normal_quantile(double probability);

}  // namespace windtunnel::solvers
