// SPDX-License-Identifier: Apache-2.0
// Multilevel aggregation for the stationary distribution: states between which much flows are taken together, four at a
// time and level upon level; the small chains move mass over distances at which sweeps would crawl. Every coarse rate
// is a sum of products of positive numbers, so nothing turns negative; a stationary distribution is left as it is.
// Source: Horton, Leutenegger, A multi-level solution algorithm for steady-state Markov chains, SIGMETRICS 1994.
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

class AggregationHierarchy {
 public:
  /// `incoming` rates of an irreducible chain of at least two states. The aggregates follow the flow of mass in
  /// `weight`, all > 0, a first idea of the stationary distribution. O(transitions) work and memory.
  AggregationHierarchy(SparseRates incoming, const Vector& weight);

  /// One cycle: sweeps, the coarser chain, sweeps. Below the first level the coarser chain is visited twice: it costs a
  /// quarter and saves a third of the cycles on tandem queues. x > 0, any scale.
  void cycle(Vector& x);

  /// Rates of all levels over those of the first: the cost of a cycle relative to its first level.
  double operator_complexity() const;
  Index levels() const { return static_cast<Index>(levels_.size()); }

 private:
  struct Level {
    SparseRates incoming;
    Vector reciprocal_exit;
    /// Aggregate of each state, and place of each rate among those of the next level; kInside within an aggregate.
    std::vector<std::int32_t> aggregate;
    std::vector<std::int32_t> place;
    Vector weight;  // of each state, as the coarser level was made from it
  };

  void add_levels(SparseRates incoming, Vector weight);
  void cycle(std::size_t level, Vector& x);
  void update_coarser(std::size_t level, const Vector& x);
  void solve_coarsest(Vector& x) const;

  std::vector<Level> levels_;
};

}  // namespace windtunnel::solvers
