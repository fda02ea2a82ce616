// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/uniformized_chain.h"

#include <algorithm>
#include <limits>

#include "solvers/chain/sparse_rates.h"

namespace windtunnel::solvers {

UniformizedChain::UniformizedChain(const Generator& q)
    : rate_per_s_(q.max_exit_rate()),
      probability_in_(q.incoming()),
      stay_(Vector::Ones(q.states())),
      next_(q.states()),
      longest_row_(std::max(longest_row(q.outgoing()), longest_row(probability_in_))) {
  if (rate_per_s_ == 0.0) return;
  for (double& rate : probability_in_.rate_per_s) rate /= rate_per_s_;
  stay_ = ((rate_per_s_ - q.exit_rates().array()) / rate_per_s_).matrix();
}

void UniformizedChain::step(Vector& x) {
  for (Index i = 0; i < x.size(); ++i) next_(i) = x(i) * stay_(i) + gathered(probability_in_.row(i), x.data());
  x.swap(next_);
}

double UniformizedChain::rounding_bound(Index steps) const {
  constexpr double u = 0.5 * std::numeric_limits<double>::epsilon();
  return static_cast<double>(steps) * static_cast<double>(longest_row_ + 4) * u;
}

}  // namespace windtunnel::solvers
