// SPDX-License-Identifier: Apache-2.0
// Adaptive integration of two functions of one variable at once (they share their costly part).
#pragma once
#include <Eigen/Core>
#include <functional>
#include <span>

namespace windtunnel::solvers {

/// Integral of `function` over each interval between neighbouring `breakpoints` (increasing), summed. Gauss-Kronrod
/// pairs of 7 and 15 points (Piessens et al., QUADPACK, 1983), each interval halved until the two differ by at most
/// `absolute_tolerance`, or by the rounding error of the interval's own value, or it was halved 30 times.
Eigen::Array2d integrate(const std::function<Eigen::Array2d(double)>& function, std::span<const double> breakpoints,
                         const Eigen::Array2d& absolute_tolerance);

}  // namespace windtunnel::solvers
