// SPDX-License-Identifier: Apache-2.0
// Linear systems of a Markov chain that ends: M x = b with M = diag(out) - N, where N >= 0 holds the rates (or
// probabilities) between the states and out_i = sum_j N_ij + excess_i, excess >= 0 the rate at which state i ends the
// chain. Given N and the excess instead of M, nothing is ever subtracted, so inverse and solutions of b >= 0 are
// accurate entry by entry. The dense companion of StateReduction, for many right-hand sides on both sides.
// Source: Grassmann, Taksar, Heyman, Operations Research 33(5), 1985; Alfa, Xue, Ye, Mathematics of Computation 71,
// 2002.
#pragma once
#include <Eigen/Core>
#include <optional>

#include "solvers/chain/generator.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

class MMatrixFactors {
 public:
  /// n x n rates >= 0 (the diagonal does not matter), n excesses >= 0. 2 n^3 / 3 operations.
  MMatrixFactors(Matrix rates, Vector excess);

  Index size() const { return factors_.rows(); }
  /// A state that never ends the chain: the matrix is singular, and nothing can be answered. Empty when all is well.
  std::optional<Index> stuck_state() const { return stuck_; }

  /// M^-1 b.
  Matrix solve(const Matrix& b) const;
  /// b M^-1, row by row.
  Matrix solve_left(const Matrix& b) const;

 private:
  // M = U L. Diagonal: rate from k to lower states and the end. Above: minus the rate from i to k in the chain censored
  // on the states 0..k (U). Left: minus the probability that k is left for j (L, with a unit diagonal). Substitution
  // subtracts products of these negative numbers, so it only ever adds.
  Matrix factors_;
  std::optional<Index> stuck_;
};

/// The chain with these rates; the diagonal does not matter. Throws ChainError as Generator does.
Generator dense_generator(const Matrix& rates_per_s);

/// Stationary distribution of that chain, accurate entry by entry. States that are left for good have probability 0;
/// several classes that are never left throw ChainError.
Vector stationary_of_dense(const Matrix& rates_per_s);

}  // namespace windtunnel::solvers
