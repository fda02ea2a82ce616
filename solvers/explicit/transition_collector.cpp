// SPDX-License-Identifier: Apache-2.0
#include "solvers/explicit/transition_collector.h"

#include <cmath>
#include <numeric>

#include "solvers/chain_error.h"

namespace windtunnel::solvers {

void TransitionCollector::add(Index from, Index to, double rate_per_s) {
  if (rate_per_s == 0.0) return;
  if (from == to) {
    if (self_loop_rate_per_s_.size() == 0) self_loop_rate_per_s_ = Vector::Zero(states_);
    self_loop_rate_per_s_(from) += rate_per_s;
    return;
  }
  if (ordered_ && from < builder_.current()) fall_back();
  if (!ordered_) {
    keep(from, to, rate_per_s);
    return;
  }
  while (builder_.current() < from) builder_.finish_state();
  builder_.add(to, rate_per_s);
}

void TransitionCollector::fall_back() {
  ordered_ = false;
  while (builder_.current() < states_) builder_.finish_state();
  const Generator so_far = std::move(builder_).build();
  for (Index from = 0; from < states_; ++from) {
    for (const auto [to, rate] : so_far.outgoing().row(from)) keep(from, to, rate);
  }
}

/// Sorted by counting: the rows in their order, ties in the order of the file.
Generator TransitionCollector::from_list() {
  std::vector<std::size_t> next(static_cast<std::size_t>(states_) + 1, 0);
  for (const Entry& entry : list_) ++next[static_cast<std::size_t>(entry.from) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<RateEntry> sorted(list_.size());
  for (const Entry& entry : list_) sorted[next[static_cast<std::size_t>(entry.from)]++] = {entry.to, entry.rate_per_s};
  list_ = {};
  GeneratorBuilder builder;
  std::size_t k = 0;
  for (Index from = 0; from < states_; ++from) {
    // next[from] is now the end of the row.
    for (; k < next[static_cast<std::size_t>(from)]; ++k) builder.add(sorted[k].state, sorted[k].rate_per_s);
    builder.finish_state();
  }
  return std::move(builder).build();
}

ExplicitTransitions TransitionCollector::collected() && {
  if (self_loop_rate_per_s_.size() > 0 && !self_loop_rate_per_s_.allFinite()) {
    throw ChainError("the sum of the self-loops of a state overflows");
  }
  if (!ordered_) return {from_list(), std::move(self_loop_rate_per_s_)};
  while (builder_.current() < states_) builder_.finish_state();
  return {std::move(builder_).build(), std::move(self_loop_rate_per_s_)};
}

}  // namespace windtunnel::solvers
