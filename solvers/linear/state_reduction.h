// SPDX-License-Identifier: Apache-2.0
// State reduction (Grassmann-Taksar-Heyman): the states are taken out of the chain one by one, from the last to the
// second, each time handing its paths to the rest. Only sums, products and quotients of positive numbers occur, so
// every entry of every answer is accurate relative to itself, whatever the condition of the chain.
//
// Sources: Grassmann, Taksar, Heyman, Operations Research 33(5), 1985 (the algorithm); O'Cinneide, Numerische
// Mathematik 65, 1993 (why it is accurate entry by entry); O'Leary, Wu, SIAM Journal on Matrix Analysis 17(3), 1996
// (working in blocks).
#pragma once
#include <optional>
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// What a reduction costs; in the band when that needs less memory than the full matrix.
struct ReductionCost {
  bool banded = false;
  /// Multiplications, about.
  double operations = 0.0;
  double memory_bytes = 0.0;
};

ReductionCost reduction_cost(Index states, const Bandwidth& band);

/// The factors of one chain of n >= 1 states, for as many questions as needed. Besides the rates between the states,
/// state i may leave the chain for good at the rate killing_per_s(i) >= 0.
class StateReduction {
 public:
  enum class Storage { kAutomatic, kFull, kBanded };

  /// O(n lower upper) in the band, 2 n^3 / 3 operations in full. `rates` is square, `killing_per_s` has n entries.
  StateReduction(const SparseRates& rates, const Vector& killing_per_s, Storage storage = Storage::kAutomatic);

  bool banded() const { return banded_; }
  /// A state whose rate to the lower-numbered states and out of the chain is 0, or underflowed to 0: nothing can be
  /// answered. State 0 counts only when some killing rate is > 0. Empty when all is well.
  std::optional<Index> stuck_state() const { return stuck_; }

  /// Stationary distribution of the chain without killing; it sums to 1. Entries below about 1e-308 come out as 0.
  Vector stationary() const;
  /// Expected cost until the chain is left, from each state, when state i costs cost_per_s(i) per second: the h with
  /// killing_i h_i = cost_i + sum_j q_ij (h_j - h_i). Needs killing. Subtraction-free for costs >= 0.
  Vector cost_until_killed(Vector cost_per_s) const;
  /// Expected time in each state until the chain is left, started from `initial`. Needs killing.
  Vector time_until_killed(Vector initial) const;

  /// Bound on the relative error of every entry of each answer (first order in the unit roundoff u). A step that rounds
  /// its operands by relative e changes a quotient of two polynomials with positive coefficients of degree k by at most
  /// 2 k e (Markov chain tree theorem; O'Cinneide 1993, theorem 1), and step k rounds by (operands + 6) u; a
  /// birth-death chain needs 2 roundings per state.
  double relative_error_bound() const;

 private:
  double& rate(Index from, Index to) { return data_[static_cast<std::size_t>(from * stride_ + to + offset_)]; }
  double rate(Index from, Index to) const { return data_[static_cast<std::size_t>(from * stride_ + to + offset_)]; }
  Index first_target(Index state) const { return state > lower_ ? state - lower_ : 0; }
  Index first_origin(Index state) const { return state > upper_ ? state - upper_ : 0; }
  void choose_storage(Storage storage);
  void reduce();
  void reduce_panel(Index first, Index last);
  void reduce_state(Index state, Index panel_first);
  void update_below(Index first, Index last);

  Index states_;
  Index lower_;
  Index upper_;
  bool banded_ = false;
  bool killed_ = false;
  Index panel_ = 1;
  Index stride_ = 0;
  Index offset_ = 0;
  // Row k, left of the diagonal: probability that state k, left for a lower one or for good, goes to j. Column k, above
  // the diagonal: rate from i to k in the chain of the states 0..k.
  std::vector<double> data_;
  Vector exit_per_s_;          // from k to lower states and out
  Vector killed_probability_;  // that k, left for a lower state or for good, is left for good
  std::optional<Index> stuck_;
};

}  // namespace windtunnel::solvers
