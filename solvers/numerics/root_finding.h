// SPDX-License-Identifier: Apache-2.0
// Root of a monotone function of one variable, by bracketing.
#pragma once
#include <functional>

namespace windtunnel::solvers {

/// A point x with function(x) = 0 between `low` and `high`, where the function has opposite signs (or is 0); infinite
/// values count by their sign. Stops when the bracket is shorter than tolerance = relative_tolerance * |x| +
/// absolute_tolerance. Inverse quadratic interpolation where safe, bisection otherwise: T. R. Chandrupatla, Advances in
/// Engineering Software 28 (1997). Throws std::invalid_argument when the signs agree.
double find_root(const std::function<double(double)>& function, double low, double high, double relative_tolerance,
                 double absolute_tolerance = 0.0);

}  // namespace windtunnel::solvers
