// SPDX-License-Identifier: Apache-2.0
// First-order sensitivities of an answer to every rate and every reward of the chain at once. With y the time spent in
// the states and h the worth of being in them (the bias, or what is still to come), a small change dQ, df of the chain
// changes the answer by y df + y dQ h: two solutions give all derivatives.
// Sources: P. Schweitzer, Perturbation theory and finite Markov chains, Journal of Applied Probability 5, 1968; X.-R.
// Cao, H.-F. Chen, IEEE Transactions on Automatic Control 42(10), 1997 (potentials).
#pragma once
#include <vector>

#include "solvers/chain/chain_change.h"
#include "solvers/chain/drift.h"
#include "solvers/chain/labelled_chain.h"
#include "solvers/csl/property.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

struct Sensitivity : SolveResult {
  /// The answer from the chain's initial state.
  double value = 0.0;
  /// Per state: share of time (long run), or time in s until the question is decided. Also the derivative by a reward
  /// that this state earns per second.
  Vector time;
  /// Worth of a state to transitions out of it, for states that are left for good and for those of the bottom classes.
  PreciseVector worth;
  PreciseVector bias;
  /// Members of bottom classes in which the long run is spent: their transitions count by `bias`, others by `worth`.
  StateSet settled;
  /// Reward per s of each state that the derivatives are about; zero for probabilities.
  Vector reward_per_s;
  /// What the bounds on a derivative need (derivative_bounds.h): how far `worth` may be off, the states from which the
  /// initial one goes on, and the bottom classes in which it may end.
  Vector worth_error;
  std::vector<Index> passing;
  std::vector<std::vector<Index>> ends;
  // by_rate is as accurate as the solutions, about eight digits; derivative_bounds.h proves how accurate.

  /// d value / d rate of the transition.
  double by_rate(Index from, Index to) const;
};

/// For S=?, R=? [ S ], P=? without a time limit, R=? [ F .. ] and mean first-passage times; from the initial state.
/// Throws ChainError for other questions, and where the answer is infinite.
Sensitivity solve_sensitivity(const LabelledChain& chain, const Query& query);

/// d value per unit of the change, from the time in the states and their worth.
double along(const LabelledChain& chain, const Sensitivity& sensitivity, const ChainChange& change);

}  // namespace windtunnel::solvers
