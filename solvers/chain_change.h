// SPDX-License-Identifier: Apache-2.0
// How the rates and rewards of a chain change with some input: what derivatives are about.
#pragma once
#include <vector>

#include "solvers/csl/property.h"
#include "solvers/labelled_chain.h"

namespace windtunnel::solvers {

/// What each state earns per second, as far as the question counts it; zero for probabilities.
Vector earned_per_s(const LabelledChain& chain, const Query& query);

/// Whether both have the same states and transitions, whatever the rates.
bool same_transitions(const Generator& a, const Generator& b);

/// How a chain changes per unit of some input.
struct ChainChange {
  /// Of the rate of each stored transition, in the order of generator.outgoing(); and how far that may be off.
  std::vector<double> rate;
  std::vector<double> rate_error;
  /// Of what each state earns per second.
  Vector reward_per_s;
  Vector reward_error;

  /// Nothing changes.
  explicit ChainChange(const Generator& q)
      : rate(q.outgoing().state.size(), 0.0),
        rate_error(rate),
        reward_per_s(Vector::Zero(q.states())),
        reward_error(reward_per_s) {}
};

/// (above - below) / width, per stored transition and per state. Both must have the same transitions.
ChainChange central_difference(const LabelledChain& below, const LabelledChain& above, const Query& query,
                               double width);

/// The difference over a step with an error from that over twice the step: all of their distance, where the error of
/// smooth rates is a third of it. An estimate: rates may depend on an input in any way.
ChainChange with_estimated_error(ChainChange difference, const ChainChange& over_twice_the_step);

}  // namespace windtunnel::solvers
