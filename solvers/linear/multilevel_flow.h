// SPDX-License-Identifier: Apache-2.0
// Multilevel cycles for the time a chain spends in its states: x_i exit_i = source_i + sum_j rate_ji x_j. Without a
// source and a way out of the chain x is the stationary distribution, up to a factor. On each level the aggregates form
// a chain whose rates are made from the present x, so that x is corrected by factors and stays positive.
// Sources: G. Horton, S. Leutenegger, A multi-level solution algorithm for steady-state Markov chains, SIGMETRICS 1994;
// W. J. Stewart, Introduction to the Numerical Solution of Markov Chains, 1994, chapter 6 (aggregation).
#pragma once
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/linear/aggregation.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// The system; references are kept. `killing_per_s`: the part of exit_per_s that leaves the states, may be 0; empty
/// with an empty `source` for a closed chain.
struct FlowSystem {
  const SparseRates& incoming;
  const Vector& exit_per_s;
  const Vector& killing_per_s;
  const Vector& source;

  bool closed() const { return source.size() == 0; }
};

class MultilevelFlow {
 public:
  /// Aggregates by the flows of x > 0. `pair_strength`: as of aggregate().
  MultilevelFlow(const FlowSystem& system, const Vector& x, double pair_strength = 0.0);

  /// One V-cycle: a sweep up, the correction by the coarser levels, a sweep down. x stays >= 1e-290: above that
  /// products with rates neither underflow nor lose digits.
  void cycle(Vector& x);

  Index levels() const { return static_cast<Index>(levels_.size()); }

 private:
  struct Level {
    Vector outflow;
    Vector killing;
    Vector source;
    Aggregation next;  // empty on the coarsest level
  };

  const SparseRates& rates(std::size_t level) const {
    return level == 0 ? system_.incoming : levels_[level - 1].next.coarse;
  }
  const Vector& outflow(std::size_t level) const { return level == 0 ? system_.exit_per_s : levels_[level].outflow; }
  const Vector& source(std::size_t level) const { return level == 0 ? system_.source : levels_[level].source; }
  const Vector& killing(std::size_t level) const { return level == 0 ? system_.killing_per_s : levels_[level].killing; }
  void descend(std::size_t level, Vector& x);
  void sweep(std::size_t level, Vector& x, bool ascending) const;
  void refresh(std::size_t level, const Vector& x);
  void sum_coarse(std::size_t level, const Vector& x);
  void solve_coarsest(Vector& x) const;

  FlowSystem system_;
  std::vector<Level> levels_;
};

}  // namespace windtunnel::solvers
