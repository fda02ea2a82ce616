// SPDX-License-Identifier: Apache-2.0
// Long-run distribution of any finite chain: it ends in one of the bottom classes and there follows the stationary
// distribution of that class.
#pragma once
#include "solvers/chain/communicating_classes.h"
#include "solvers/chain/generator.h"
#include "solvers/long_run/stationary.h"
#include "solvers/passage/absorption.h"

namespace windtunnel::solvers {

struct LongRunOptions {
  StationaryOptions stationary;
  AbsorptionOptions absorption;
};

struct LongRunSolution : SolveResult {
  /// Share of time in each state in the long run; 0 on states that are left for good. Sums to 1.
  Vector probability;
  /// Probability to end in each of the bottom classes, in the order of classes.bottom.
  Vector class_probability;
  CommunicatingClasses classes;
  /// max_i |(pi Q)_i| / max_i |Q_ii| of the worst class.
  double residual_ratio = 0.0;
  // error_bound: none; the bounds of the parts are those of solve_stationary and absorption_probability.
};

/// Throws ChainError when `initial` is no distribution on the states. An irreducible chain forgets it.
LongRunSolution solve_long_run(const Generator& q, const Vector& initial, const LongRunOptions& options = {});

}  // namespace windtunnel::solvers
