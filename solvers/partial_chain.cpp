// SPDX-License-Identifier: Apache-2.0
#include "solvers/partial_chain.h"

namespace windtunnel::solvers {

PartialChain::PartialChain(const Generator& q)
    : q_(q), exit_per_s_(q.exit_rates()), leaving_per_s_(Vector::Zero(q.states())) {}

PartialChain::PartialChain(const Generator& q, std::vector<Index> members) : q_(q), members_(std::move(members)) {
  exit_per_s_ = part_of(q.exit_rates());
  leaving_per_s_ = Vector::Zero(states());
  std::vector<std::int32_t> number(static_cast<std::size_t>(q.states()), -1);
  for (std::size_t k = 0; k < members_.size(); ++k) {
    number[static_cast<std::size_t>(members_[k])] = static_cast<std::int32_t>(k);
  }
  for (Index k = 0; k < states(); ++k) {
    for (const auto [to, rate] : q.outgoing().row(member(k))) {
      const std::int32_t target = number[static_cast<std::size_t>(to)];
      if (target < 0) {
        leaving_per_s_(k) += rate;
        closed_ = false;
      } else {
        rates_.state.push_back(target);
        rates_.rate_per_s.push_back(rate);
      }
    }
    rates_.begin.push_back(static_cast<std::int64_t>(rates_.state.size()));
  }
}

Vector PartialChain::part_of(const Vector& all) const {
  if (members_.empty()) return all;
  Vector part(static_cast<Index>(members_.size()));
  for (std::size_t k = 0; k < members_.size(); ++k) part(static_cast<Index>(k)) = all(members_[k]);
  return part;
}

}  // namespace windtunnel::solvers
