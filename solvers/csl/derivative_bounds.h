// SPDX-License-Identifier: Apache-2.0
// Proven bounds on derivatives. A derivative is itself an answer about the chain: with the reward r_i = df_i + sum_j
// dq_ij (h_j - h_i), h the worth of the states, it is the long-run average of r, or what of r is earned until the
// question is decided (differentiate f + Q h = g, or f + Q h = 0). So the certificates of answers bound it
// (certified_average.h, certified_boundary_value.h). How far h is off makes r uncertain; what of that uncertainty can
// be earned is a third such question, and is added.
#pragma once
#include <vector>

#include "solvers/csl/sensitivity.h"
#include "solvers/long_run/long_run_average.h"

namespace windtunnel::solvers {

class DerivativeBounds {
 public:
  /// Both must outlive it. One more solution per bottom class.
  DerivativeBounds(const LabelledChain& chain, const Sensitivity& sensitivity);

  /// Contains d value per unit of the change. Two more solutions. Infinite where no bound is known.
  Interval of(const ChainChange& change) const;

 private:
  /// r, and how far it may be off.
  struct Slope {
    Vector value;
    Vector error;
  };

  void bound_bias(const std::vector<Index>& members);
  Slope slope(const ChainChange& change) const;
  void add_state(Index i, const ChainChange& change, Slope& slope) const;
  Interval settled(const std::vector<Index>& members, const Slope& slope) const;
  Interval passing(const Slope& slope, const std::vector<Interval>& ends) const;

  const LabelledChain& chain_;
  const Sensitivity& sensitivity_;
  /// |worth, or bias less that of the likeliest state of the class, - true| of each state.
  Vector error_;
};

}  // namespace windtunnel::solvers
