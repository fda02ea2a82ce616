// SPDX-License-Identifier: Apache-2.0
// The discrete-time chain of uniformization: at the ticks of a Poisson process of rate q = max exit rate, jump with the
// probabilities P = I + Q / q. Source: Jensen, Skandinavisk Aktuarietidskrift 36, 1953.
#pragma once
#include "solvers/chain/generator.h"

namespace windtunnel::solvers {

class UniformizedChain {
 public:
  explicit UniformizedChain(const Generator& q);
  /// The ticks' rate q; 0 when every state is absorbing.
  double rate_per_s() const { return rate_per_s_; }
  /// x becomes x P. Every term is >= 0 when x is.
  void step(Vector& x);
  /// Bound on the rounding error of `steps` steps from a distribution, in the sum over the states: each step rounds a
  /// sum of (longest row + 1) products, and the chance to stay, by (longest row + 4) u together.
  double rounding_bound(Index steps) const;

 private:
  double rate_per_s_;
  SparseRates probability_in_;
  Vector stay_;
  Vector next_;
  Index longest_row_;
};

}  // namespace windtunnel::solvers
