// SPDX-License-Identifier: Apache-2.0
// Generator of a finite continuous-time Markov chain, valid by construction: every stored rate is finite and > 0, no
// state goes to itself, and the diagonal is never stored: the exit rate of a state is the sum of its outgoing rates, so
// that nothing in this library is ever formed by subtraction.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// One transition of the chain.
struct Transition {
  Index from = 0;
  Index to = 0;
  /// Finite, > 0.
  double rate_per_s = 0.0;
};

class Generator {
 public:
  /// States 0 .. states - 1, 1 <= states < 2^31. Rates of repeated transitions add up; their order does not matter.
  /// Throws ChainError for a transition from, to or with something impossible; the message names it.
  Generator(Index states, std::span<const Transition> transitions);

  /// From rows in which targets ascend, none twice and none the row itself, rates finite and > 0. Throws ChainError
  /// when an exit rate overflows.
  static Generator of_sorted(SparseRates outgoing);

  Index states() const { return outgoing_.rows(); }
  /// Different (from, to) pairs.
  Index transitions() const { return outgoing_.size(); }
  /// Sum of the rates out of state i; 0 for an absorbing state.
  double exit_rate(Index i) const { return exit_rate_(i); }
  const Vector& exit_rates() const { return exit_rate_; }
  /// Largest exit rate; 0 when every state is absorbing.
  double max_exit_rate() const { return max_exit_rate_; }

  /// Row i lists the transitions out of state i.
  const SparseRates& outgoing() const { return outgoing_; }
  /// Row i lists the transitions into state i. Built by every call in O(transitions): keep it.
  SparseRates incoming() const { return transposed(outgoing_); }

 private:
  friend class GeneratorBuilder;
  explicit Generator(SparseRates outgoing);

  SparseRates outgoing_;
  Vector exit_rate_;
  double max_exit_rate_ = 0.0;
};

/// Builds a generator state by state, without a list of transitions between: 12 bytes per transition.
class GeneratorBuilder {
 public:
  /// A transition out of the current state. Throws ChainError as Generator does; targets are checked by build().
  void add(Index to, double rate_per_s);
  /// Ends the current state; the next one becomes current. Throws ChainError when the exit rate overflows.
  void finish_state();
  /// The state whose transitions are being added, 0 at first.
  Index current() const { return rates_.rows(); }
  /// The chain of all finished states; throws ChainError when there is none or a target does not exist.
  Generator build() &&;

 private:
  SparseRates rates_;
  std::vector<RateEntry> row_;
};

/// pi Q, that is inflow minus outflow of each state in 1/s; 0 for a stationary pi. `distribution` has one entry per
/// state.
Vector net_flow_per_s(const Generator& q, const Vector& distribution);

}  // namespace windtunnel::solvers
