// SPDX-License-Identifier: Apache-2.0
#include "solvers/explicit/transition_collector.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {

void TransitionCollector::add(Index from, Index to, double rate_per_s) {
  if (rate_per_s == 0.0) return;
  if (from == to) {
    if (self_loop_rate_per_s_.size() == 0) self_loop_rate_per_s_ = Vector::Zero(states_);
    self_loop_rate_per_s_(from) += rate_per_s;
    return;
  }
  const Entry entry{static_cast<std::int32_t>(from), static_cast<std::int32_t>(to), rate_per_s};
  if (order_ == Order::kRows && from < builder_.current()) leave_rows();
  if (order_ == Order::kColumns && !follows_by_column(entry)) leave_columns();
  if (order_ != Order::kRows) return keep(entry);
  while (builder_.current() < from) builder_.finish_state();
  builder_.add(to, rate_per_s);
}

void TransitionCollector::keep(const Entry& entry) {
  if (order_ == Order::kNone) {
    list_.push_back(entry);
    return;
  }
  while (columns_.rows() < entry.to) columns_.begin.push_back(columns_.size());
  columns_.state.push_back(entry.from);
  columns_.rate_per_s.push_back(entry.rate_per_s);
}

bool TransitionCollector::follows_by_column(const Entry& entry) const {
  if (entry.to != columns_.rows()) return entry.to > columns_.rows();
  return columns_.begin.back() == columns_.size() || entry.from > columns_.state.back();
}

/// What came row by row came column by column, too, if it is in the first column, or in one row.
void TransitionCollector::leave_rows() {
  while (builder_.current() < states_) builder_.finish_state();
  const Generator so_far = std::move(builder_).build();
  order_ = Order::kColumns;
  for (Index from = 0; from < states_; ++from) {
    for (const auto [to, rate] : so_far.outgoing().row(from)) {
      const Entry entry{static_cast<std::int32_t>(from), to, rate};
      if (order_ == Order::kColumns && !follows_by_column(entry)) leave_columns();
      keep(entry);
    }
  }
}

void TransitionCollector::leave_columns() {
  order_ = Order::kNone;
  columns_.begin.push_back(columns_.size());
  for (Index to = 0; to < columns_.rows(); ++to) {
    for (const auto [from, rate] : columns_.row(to)) keep({from, static_cast<std::int32_t>(to), rate});
  }
  columns_ = {};
}

Generator TransitionCollector::from_columns() {
  while (columns_.rows() < states_) columns_.begin.push_back(columns_.size());
  return Generator::of_sorted(transposed(std::exchange(columns_, {})));
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
  if (order_ == Order::kColumns) return {from_columns(), std::move(self_loop_rate_per_s_)};
  if (order_ == Order::kNone) return {from_list(), std::move(self_loop_rate_per_s_)};
  while (builder_.current() < states_) builder_.finish_state();
  return {std::move(builder_).build(), std::move(self_loop_rate_per_s_)};
}

}  // namespace windtunnel::solvers
