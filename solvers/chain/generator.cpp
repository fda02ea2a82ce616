// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

constexpr Index kMaxStates = std::numeric_limits<std::int32_t>::max();

void require_state(Index state, Index states, Index from, Index to) {
  if (state >= 0 && state < states) return;
  throw ChainError(fmt::format("transition {} -> {}: state {} does not exist, the chain has states 0 to {}", from, to,
                               state, states - 1));
}

void require_state_count(Index states) {
  if (states >= 1 && states <= kMaxStates) return;
  throw ChainError(fmt::format("a chain has 1 to {} states, got {}", kMaxStates, states));
}

void require_finite_exit(Index state, double exit_rate) {
  if (!std::isfinite(exit_rate)) throw ChainError(fmt::format("state {}: the sum of its rates overflows", state));
}

/// Positions of the transitions in the order of their origin, ties in the order given.
std::vector<std::size_t> order_by_origin(Index states, std::span<const Transition> transitions) {
  std::vector<std::size_t> next(static_cast<std::size_t>(states) + 1, 0);
  for (const Transition& t : transitions) ++next[static_cast<std::size_t>(t.from) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<std::size_t> order(transitions.size());
  for (std::size_t k = 0; k < transitions.size(); ++k) order[next[static_cast<std::size_t>(transitions[k].from)]++] = k;
  return order;
}

Generator from_transitions(Index states, std::span<const Transition> transitions) {
  require_state_count(states);
  for (const Transition& t : transitions) {
    require_state(t.from, states, t.from, t.to);
    require_state(t.to, states, t.from, t.to);
  }
  GeneratorBuilder builder;
  for (const std::size_t k : order_by_origin(states, transitions)) {
    while (builder.current() < transitions[k].from) builder.finish_state();
    builder.add(transitions[k].to, transitions[k].rate_per_s);
  }
  while (builder.current() < states) builder.finish_state();
  return std::move(builder).build();
}

}  // namespace

Generator::Generator(Index states, std::span<const Transition> transitions)
    : Generator(from_transitions(states, transitions)) {}

Generator::Generator(SparseRates outgoing) : outgoing_(std::move(outgoing)), exit_rate_(outgoing_.rows()) {
  for (Index i = 0; i < states(); ++i) {
    exit_rate_(i) = 0.0;
    for (const auto [to, rate] : outgoing_.row(i)) exit_rate_(i) += rate;
  }
  max_exit_rate_ = exit_rate_.maxCoeff();
}

Generator Generator::of_sorted(SparseRates outgoing) {
  Generator chain(std::move(outgoing));
  for (Index i = 0; i < chain.states(); ++i) require_finite_exit(i, chain.exit_rate(i));
  return chain;
}

void GeneratorBuilder::add(Index to, double rate_per_s) {
  const Index from = current();
  if (to < 0 || to >= kMaxStates) require_state(to, kMaxStates, from, to);
  if (to == from) throw ChainError(fmt::format("transition {} -> {}: a state cannot go to itself", from, to));
  if (!std::isfinite(rate_per_s) || rate_per_s <= 0.0) {
    throw ChainError(fmt::format("transition {} -> {}: rate {} per s is not finite and > 0", from, to, rate_per_s));
  }
  row_.push_back({static_cast<std::int32_t>(to), rate_per_s});
}

void GeneratorBuilder::finish_state() {
  const auto by_target = [](const RateEntry& a, const RateEntry& b) { return a.state < b.state; };
  // Sorting allocates: rows that come in order do not pay for it.
  if (!std::is_sorted(row_.begin(), row_.end(), by_target)) std::stable_sort(row_.begin(), row_.end(), by_target);
  const std::size_t begin = rates_.state.size();
  double exit_rate = 0.0;
  for (const auto [to, rate] : row_) {
    exit_rate += rate;
    if (rates_.state.size() > begin && rates_.state.back() == to) {
      rates_.rate_per_s.back() += rate;
    } else {
      rates_.state.push_back(to);
      rates_.rate_per_s.push_back(rate);
    }
  }
  require_finite_exit(current(), exit_rate);
  rates_.begin.push_back(static_cast<std::int64_t>(rates_.state.size()));
  row_.clear();
}

Generator GeneratorBuilder::build() && {
  const Index states = rates_.rows();
  require_state_count(states);
  for (Index i = 0; i < states; ++i) {
    const RateRow row = rates_.row(i);  // sorted: the last target is the largest
    if (row.size() > 0) require_state(row[row.size() - 1].state, states, i, row[row.size() - 1].state);
  }
  rates_.begin.shrink_to_fit();
  return Generator(std::move(rates_));
}

Vector net_flow_per_s(const Generator& q, const Vector& distribution) {
  Vector flow = Vector::Zero(q.states());
  for (Index i = 0; i < q.states(); ++i) {
    for (const auto [to, rate] : q.outgoing().row(i)) {
      flow(to) += distribution(i) * rate;
    }
  }
  return flow - distribution.cwiseProduct(q.exit_rates());
}

}  // namespace windtunnel::solvers
