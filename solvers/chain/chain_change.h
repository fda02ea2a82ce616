// SPDX-License-Identifier: Apache-2.0
// How the rates and rewards of a chain change with some input: what derivatives are about.
#pragma once
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

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

}  // namespace windtunnel::solvers
