// SPDX-License-Identifier: Apache-2.0
// State reduction for large chains whose factors stay sparse: states are taken out in an order of least degree, each
// time handing its paths to the neighbours that are left. As state_reduction.h nothing is ever subtracted, so every
// entry of every answer is accurate relative to itself.
//
// Sources: Grassmann, Taksar, Heyman, Operations Research 33(5), 1985 (the algorithm); P. Amestoy, T. Davis, I. Duff,
// SIAM Journal on Matrix Analysis 17(4), 1996 (the order); A. George, J. Liu, Computer Solution of Large Sparse
// Positive Definite Systems, 1981, chapter 5 (the pattern of the factors, known beforehand).
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// In which order states are taken out, and which neighbours each then has left.
class ReductionPattern {
 public:
  /// `last` (none if < 0) is taken out last. The pattern of rates and their transpose together.
  ReductionPattern(const SparseRates& rates, Index last);

  Index states() const { return static_cast<Index>(order_.size()); }
  /// The state taken out at this step.
  Index state(Index step) const { return order_[static_cast<std::size_t>(step)]; }
  Index step_of(Index state) const { return step_of_[static_cast<std::size_t>(state)]; }
  /// Steps of the neighbours left at this step, ascending: positions begin(step) .. begin(step + 1) - 1 of all.
  std::int64_t begin(Index step) const { return begin_[static_cast<std::size_t>(step)]; }
  const std::vector<std::int32_t>& neighbours() const { return neighbours_; }
  /// Multiplications of the reduction, and its memory; when there are too many to be worth the pattern, infinite.
  double operations() const { return operations_; }
  bool affordable() const { return affordable_; }

 private:
  void choose_order(const SparseRates& rates, Index last);
  void find_neighbours(const SparseRates& rates);

  std::vector<Index> order_;
  std::vector<Index> step_of_;
  std::vector<std::int64_t> begin_;
  std::vector<std::int32_t> neighbours_;
  double operations_ = 0.0;
  bool affordable_ = true;
};

class SparseReduction {
 public:
  /// As StateReduction: state i leaves the chain for good at the rate killing_per_s(i) >= 0. For an affordable pattern.
  SparseReduction(const SparseRates& rates, const Vector& killing_per_s, ReductionPattern pattern);

  /// A state whose rate to the states left and out of the chain is 0, or underflowed to 0: nothing can be answered. The
  /// last state counts only when some killing rate is > 0.
  std::optional<Index> stuck_state() const { return stuck_; }
  /// Stationary distribution of the chain without killing; it sums to 1. Entries below about 1e-308 come out as 0.
  Vector stationary() const;
  /// Expected cost until the chain is left, when state i costs cost_per_s(i) per second; without killing until the last
  /// state is entered. Subtraction-free for costs >= 0.
  Vector cost_until_left(const Vector& cost_per_s) const;
  /// Bound on the relative error of every entry of each answer, as StateReduction::relative_error_bound: a step with d
  /// neighbours left rounds by (2 d + 6) u.
  double relative_error_bound() const;

 private:
  struct Row;

  void take_in(const SparseRates& rates, Index step, Row& row) const;
  void hand_down(Index step, Index earlier, std::int64_t position, Row& row);
  void finish(Index step, Row& row);

  ReductionPattern pattern_;
  bool killed_;
  // Beside each neighbour: the probability that the state, left for a neighbour or for good, goes there; and the rate
  // from there.
  std::vector<double> onward_;
  std::vector<double> inflow_per_s_;
  Vector exit_per_s_;
  Vector killed_probability_;
  std::optional<Index> stuck_;
};

}  // namespace windtunnel::solvers
