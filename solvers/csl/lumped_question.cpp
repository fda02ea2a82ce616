// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/lumped_question.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "solvers/lumping/lumping.h"
#include "solvers/numerics/double_double.h"

namespace windtunnel::solvers {
namespace {

/// The sets that a query names; each is empty where it does not.
std::vector<StateSet*> sets_of(Query& query) {
  switch (query.kind) {
    case QueryKind::kProbability:
      return {&query.path.left, &query.path.right};
    case QueryKind::kSteadyState:
      return {&query.steady_states};
    case QueryKind::kReward:
      return {&query.reward.target};
    case QueryKind::kPassageTime:
      return {&query.passage.target};
  }
  return {};
}

bool counts_jumps(const Query& query) {
  return query.kind == QueryKind::kProbability && query.path.path_operator == PathOperator::kNext;
}

bool counts_states(const StateFilter& filter) {
  return filter.filter_operator == FilterOperator::kAverage || filter.filter_operator == FilterOperator::kSum;
}

/// The set on the blocks, each of which lies in it or outside.
StateSet on_blocks(const StateSet& set, const Lumping& lumping) {
  StateSet blocks(static_cast<std::size_t>(lumping.blocks()), false);
  for (std::size_t k = 0; k < blocks.size(); ++k) blocks[k] = set[static_cast<std::size_t>(lumping.representative[k])];
  return blocks;
}

/// Values are the same all over a block: the block of each state asked for stands for it.
StateFilter on_blocks(const StateFilter& filter, const Lumping& lumping) {
  StateFilter asked{.filter_operator = filter.filter_operator,
                    .states = StateSet(static_cast<std::size_t>(lumping.blocks()), false)};
  const bool only_first = filter.filter_operator == FilterOperator::kFirst;
  for (std::size_t k = 0; k < filter.states.size(); ++k) {
    if (!filter.states[k]) continue;
    asked.states[static_cast<std::size_t>(lumping.block_of[k])] = true;
    if (only_first) break;
  }
  return asked;
}

RewardStructure on_blocks(const RewardStructure& reward, const Lumping& lumping) {
  return {.name = reward.name,
          .state_reward_per_s = lumping.block_value(reward.state_reward_per_s),
          .transition_reward_per_s = lumping.block_value(reward.transition_reward_per_s)};
}

/// Largest relative difference between the exact rate of a state into another block and the quotient's; infinite where
/// only one of the two is 0.
double rate_error(const Generator& q, const Lumping& lumping) {
  std::vector<DoubleDouble> sum(static_cast<std::size_t>(lumping.blocks()));
  std::vector<std::int32_t> touched;
  double largest = 0.0;
  for (Index state = 0; state < q.states(); ++state) {
    const Index own = lumping.block_of[static_cast<std::size_t>(state)];
    for (const auto [to, rate] : q.outgoing().row(state)) {
      const Index block = lumping.block_of[static_cast<std::size_t>(to)];
      if (block == own) continue;
      DoubleDouble& total = sum[static_cast<std::size_t>(block)];
      if (total.high == 0.0) touched.push_back(static_cast<std::int32_t>(block));
      total = total + DoubleDouble{rate, 0.0};
    }
    const RateRow blocks = lumping.quotient.outgoing().row(own);
    if (static_cast<std::size_t>(blocks.size()) != touched.size()) return INFINITY;
    for (const auto [block, rate] : blocks) {
      const DoubleDouble difference = sum[static_cast<std::size_t>(block)] - DoubleDouble{rate, 0.0};
      largest = std::max(largest, std::abs(difference.high) / rate);
    }
    for (const std::int32_t block : touched) sum[static_cast<std::size_t>(block)] = {};
    touched.clear();
  }
  // Sums in double-double are off by far less than the last factor.
  return largest * (1.0 + 1e-6) + 1e-28;
}

/// Bounds on what errors of the rates do grow with the number of states and with the largest exit rate: times this they
/// are as wide for the quotient as for the chain.
double shrinking(const Generator& chain, const Generator& quotient) {
  const double states = static_cast<double>(chain.states()) / static_cast<double>(quotient.states());
  if (quotient.max_exit_rate() == 0.0) return states;
  return std::max(states, chain.max_exit_rate() / quotient.max_exit_rate());
}

}  // namespace

std::optional<LumpedQuestion> lumped_question(const LabelledChain& chain, const Query& query, const StateFilter& filter,
                                              double chain_error) {
  const bool one_state_expected = filter.filter_operator == FilterOperator::kState;
  const bool one_state = std::count(filter.states.begin(), filter.states.end(), true) == 1;
  if (counts_jumps(query) || counts_states(filter) || (one_state_expected && !one_state)) return std::nullopt;
  Query asked = query;
  std::vector<Vector> apart;
  for (const StateSet* set : sets_of(asked))
    if (!set->empty()) apart.push_back(indicator(*set));
  const RewardStructure* reward = query.kind == QueryKind::kReward ? &chain.rewards[query.reward.structure] : nullptr;
  if (reward) apart.insert(apart.end(), {reward->state_reward_per_s, reward->transition_reward_per_s});
  Lumping lumping = lump(chain.generator, apart, {.tolerance_ratio = 0.0});
  if (lumping.blocks() == chain.states() || lumping.largest_deviation_ratio > 0.0) return std::nullopt;
  for (StateSet* set : sets_of(asked))
    if (!set->empty()) *set = on_blocks(*set, lumping);
  asked.reward.structure = 0;
  std::vector<RewardStructure> rewards;
  if (reward) rewards.push_back(on_blocks(*reward, lumping));
  StateFilter from = on_blocks(filter, lumping);
  const double error =
      rate_error(chain.generator, lumping) + chain_error * shrinking(chain.generator, lumping.quotient);
  if (!std::isfinite(error)) return std::nullopt;
  const Index initial = lumping.block_of[static_cast<std::size_t>(chain.initial)];
  return LumpedQuestion{
      .chain = {.generator = std::move(lumping.quotient), .initial = initial, .rewards = std::move(rewards)},
      .query = std::move(asked),
      .filter = std::move(from),
      .rate_error = error};
}

}  // namespace windtunnel::solvers
