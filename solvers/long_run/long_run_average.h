// SPDX-License-Identifier: Apache-2.0
// Long-run averages sum_i pi_i reward_i of an irreducible chain, between bounds that hold whatever a solver did.
#pragma once
#include "solvers/chain/generator.h"
#include "solvers/long_run/stationary.h"
#include "solvers/numerics/interval.h"
#include "solvers/numerics/solve_result.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// For any vector g, min(f + Q g) <= pi f <= max(f + Q g), because pi Q = 0. Tight when g solves the Poisson equation
/// f + Q g = pi f (g is then the bias, or relative value, of the states). One pass over the chain, made from rate *
/// (g_j - g_i) and widened by what rounding may have done to it. Source: Odoni, Operations Research 17(5), 1969.
Interval long_run_average_bound(const Generator& q, const Vector& reward, const Vector& bias);

struct LongRunAverageOptions {
  StationaryOptions stationary;
  /// The bounds are drawn together until upper - lower <= tolerance * max|reward|. > 0.
  double tolerance = 1e-10;
  /// Sweeps for the bias. >= 1.
  long long max_iterations = 20'000;
};

struct LongRunAverage : SolveResult {
  /// sum_i pi_i reward_i, moved into the bounds should it lie outside.
  double value = 0.0;
  Interval bounds;
  /// Solves f + Q g = pi f up to a constant, about: also the derivative, d(pi f) / d theta = pi (dQ / d theta) g.
  Vector bias;
  StationarySolution stationary;
  // error_bound: absolute, the larger distance of value from the bounds. iterations: of both solutions together.
};

/// Forward for the value, backward for the bias. A bound wider than asked for is still a bound, but the result is then
/// not usable. Throws as solve_stationary; std::invalid_argument when the sizes differ.
LongRunAverage solve_long_run_average(const Generator& q, const Vector& reward,
                                      const LongRunAverageOptions& options = {});

}  // namespace windtunnel::solvers
