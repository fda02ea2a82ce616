// SPDX-License-Identifier: Apache-2.0
// Aggregates of states and the matrix between them: one step of a multilevel hierarchy. Two rounds of pairing, each
// state with the one it exchanges the most flow with, give aggregates of about four states.
// Source: Y. Notay, An aggregation-based algebraic multigrid method, Electronic Transactions on Numerical Analysis 37,
// 2010 (double pairwise aggregation); here pairs are chosen by flow.
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/sparse_rates.h"
#include "solvers/vector.h"

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

/// `weight` > 0, one entry per row; rates.size() < 2^31.
Aggregation aggregate(const SparseRates& rates, const Vector& weight, FlowOrigin origin);

}  // namespace windtunnel::solvers
