// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/partial_chain.h"

#include <algorithm>

namespace windtunnel::solvers {
namespace {

/// Sorts the entries from `begin` on by state, as rows have to be; members in ascending order leave them sorted.
void sort_row(std::size_t begin, SparseRates& rates, std::vector<RateEntry>& scratch) {
  if (std::is_sorted(rates.state.begin() + static_cast<std::ptrdiff_t>(begin), rates.state.end())) return;
  scratch.clear();
  for (std::size_t e = begin; e < rates.state.size(); ++e) scratch.push_back({rates.state[e], rates.rate_per_s[e]});
  std::sort(scratch.begin(), scratch.end(), [](const RateEntry& a, const RateEntry& b) { return a.state < b.state; });
  for (std::size_t k = 0; k < scratch.size(); ++k) {
    rates.state[begin + k] = scratch[k].state;
    rates.rate_per_s[begin + k] = scratch[k].rate_per_s;
  }
}

}  // namespace

PartialChain::PartialChain(const Generator& q)
    : q_(q), exit_per_s_(q.exit_rates()), leaving_per_s_(Vector::Zero(q.states())) {}

PartialChain::PartialChain(const Generator& q, std::vector<Index> members) : q_(q), members_(std::move(members)) {
  exit_per_s_ = part_of(q.exit_rates());
  leaving_per_s_ = Vector::Zero(states());
  std::vector<std::int32_t> number(static_cast<std::size_t>(q.states()), -1);
  for (std::size_t k = 0; k < members_.size(); ++k) {
    number[static_cast<std::size_t>(members_[k])] = static_cast<std::int32_t>(k);
  }
  std::vector<RateEntry> scratch;
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
    sort_row(static_cast<std::size_t>(rates_.begin.back()), rates_, scratch);
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
