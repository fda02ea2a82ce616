// SPDX-License-Identifier: Apache-2.0
// Long-run average reward of a closed class of states, between bounds that hold whatever the solver did.
// For any function g, min(f + Q g) <= pi f <= max(f + Q g), because pi Q = 0. Source: Odoni, Operations Research 17(5),
// 1969.
#pragma once
#include "solvers/linear/backward_solution.h"
#include "solvers/long_run/long_run_average.h"

namespace windtunnel::solvers {

struct CertifiedAverageOptions {
  Method method = Method::kAutomatic;
  /// Half the width of the bounds that is wanted: absolute, or relative to the value, whichever is wider.
  double absolute_tolerance = 1e-10;
  double relative_tolerance = 1e-8;
  long long max_iterations = 20'000;
};

struct CertifiedAverage : SolveResult {
  double value = 0.0;
  /// Contains the average.
  Interval bounds;
  /// The certificate, over all states of the chain; 0 outside the class.
  PreciseVector bias;
};

/// `part` is closed and irreducible; `reward` has one entry per state of the whole chain.
CertifiedAverage solve_certified_average(const PartialChain& part, const Vector& reward,
                                         const CertifiedAverageOptions& options = {});

}  // namespace windtunnel::solvers
