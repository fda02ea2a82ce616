// SPDX-License-Identifier: Apache-2.0
// Aggregates of states and the matrix between them: one step of a multilevel hierarchy. Two rounds of pairing, each
// state with the one it exchanges the most flow with, give aggregates of about four states.
// Source: Y. Notay, An aggregation-based algebraic multigrid method, Electronic Transactions on Numerical Analysis 37,
// 2010 (double pairwise aggregation); here pairs are chosen by flow.
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// Which end of an entry (row i, state j, rate) its flow is weighted by.
enum class FlowOrigin {
  /// Rows list what leaves their state: flow = weight(i) * rate.
  kRow,
  /// Rows list what enters their state: flow = weight(j) * rate.
  kColumn,
};

struct Aggregation {
  /// Aggregate of each state, 0 .. count - 1.
  std::vector<std::int32_t> aggregate_of;
  Index count = 0;
  /// Where each entry of the fine rows adds to the coarse rows; -1 for entries inside an aggregate.
  std::vector<std::int32_t> position;
  /// Flows between aggregates, rows as in the fine matrix.
  SparseRates coarse;

  /// Recomputes coarse.rate_per_s for new weights. O(entries).
  void refresh(const SparseRates& fine, const Vector& weight, FlowOrigin origin);
};

/// `weight` > 0, one entry per row; rates.size() < 2^31. A state whose free neighbours all have less than
/// `pair_strength` (0 to 1) of its strongest flow joins the pair of a stronger one: at 0 pairs depend on the order in
/// which states are visited, which is best where neighbours come one after the other; at kStrongPairs they follow the
/// flows in any order.
Aggregation aggregate(const SparseRates& rates, const Vector& weight, FlowOrigin origin, double pair_strength = 0.0);

/// Measured: 0.5 to 0.6 is best for a stiff chain in random order, above 0.8 aggregates become stars.
constexpr double kStrongPairs = 0.5;

}  // namespace windtunnel::solvers
