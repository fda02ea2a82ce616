// SPDX-License-Identifier: Apache-2.0
// Where a chain spends its time, to a moderate accuracy: the weights that aggregation needs and the point estimate of
// long-run averages. Sweeps while they converge fast, else multilevel cycles with Anderson mixing. What it returns is
// proven by nobody here: the certificates (certified_average.h, certified_boundary_value.h) hold whatever it is.
#pragma once
#include "solvers/linear/multilevel_flow.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

struct FlowOptions {
  /// kAutomatic, kGaussSeidel or kMultilevel.
  Method method = Method::kAutomatic;
  /// Stop when a sweep pair or cycle changes x by at most this, relative, in the sum of the absolute values. > 0.
  double tolerance = 1e-9;
  long long max_iterations = 20'000;
  /// With kGaussSeidel: give up as soon as more than about a hundred sweep pairs are to be expected.
  bool only_while_fast = false;
  /// Cycles also after sweeps that seem to be done: in a nearly decomposable chain they stand still long before.
  bool cycles_after_sweeps = false;
  /// Of the aggregates, as of aggregate().
  double pair_strength = 0.0;
};

struct FlowSolution : SolveResult {
  /// > 0, sums to 1 for a closed chain.
  Vector x;
  /// The last relative change.
  double change = 1.0;
  // iterations: sweep pairs and cycles.
};

FlowSolution solve_flow(const FlowSystem& system, const FlowOptions& options = {});

}  // namespace windtunnel::solvers
