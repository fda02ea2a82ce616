// SPDX-License-Identifier: Apache-2.0
// What is earned, or reached, until a set of states is left: the h with reward_i + sum_j q_ij (h_j - h_i) = 0 inside
// and h given outside. Between bounds that hold whatever the solver did: A = -Q inside is an M-matrix, so with any w >
// 0, A w > 0, every h~ satisfies |h~ - h|_i <= w_i max_j |drift_j(h~)| / (A w)_j. w is the mean time until the set is
// left, about. Source: A. Berman, R. Plemmons, Nonnegative Matrices in the Mathematical Sciences, 1979, chapter 6.
#pragma once
#include <vector>

#include "solvers/linear/backward_solution.h"
#include "solvers/numerics/interval.h"

namespace windtunnel::solvers {

struct BoundaryValueOptions {
  Method method = Method::kAutomatic;
  /// Wanted in the states of interest: absolute, or relative to the value, whichever is wider.
  double absolute_tolerance = 1e-10;
  double relative_tolerance = 1e-8;
  long long max_iterations = 20'000;
};

struct BoundaryValue : SolveResult {
  /// Over all states of the chain; outside as given. The certificate together with exit_time and ratio.
  PreciseVector h;
  /// w, over all states; 0 outside. Empty without states inside.
  Vector exit_time_s;
  /// |h - true h|_i <= ratio * exit_time_s(i).
  double ratio = 0.0;
  /// A second proof where a state reduction was cheap and nothing negative was given: the reduction never subtracts, so
  /// |direct - true h|_i <= direct_error_ratio * direct(i), however small or large h is. Empty otherwise.
  Vector direct;
  double direct_error_ratio = 0.0;

  /// Proven bounds on h in state i.
  Interval bounds(Index i) const;
};

/// `inside`: states from each of which the outside can be reached. `h`: values given outside, 0 or a guess inside.
/// `interest`: the inside states in which the tolerance must be met.
BoundaryValue solve_boundary_value(const Generator& q, const std::vector<Index>& inside,
                                   const std::vector<Index>& interest, const Vector& reward, Vector h,
                                   const BoundaryValueOptions& options = {});

}  // namespace windtunnel::solvers
