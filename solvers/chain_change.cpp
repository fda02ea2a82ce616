// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain_change.h"

#include <cmath>

namespace windtunnel::solvers {
namespace {

// Of the two rates that are subtracted, and of what is made of them.
constexpr double kRoundoff = 0x1p-52;

Vector indicator(const StateSet& set) {
  Vector values(static_cast<Index>(set.size()));
  for (std::size_t i = 0; i < set.size(); ++i) values(static_cast<Index>(i)) = set[i] ? 1.0 : 0.0;
  return values;
}

}  // namespace

Vector earned_per_s(const LabelledChain& chain, const Query& query) {
  switch (query.kind) {
    case QueryKind::kSteadyState:
      return indicator(query.steady_states);
    case QueryKind::kReward: {
      const RewardStructure& rewards = chain.rewards.at(query.reward.structure);
      return rewards.state_reward_per_s + rewards.transition_reward_per_s;
    }
    case QueryKind::kPassageTime:
      return Vector::Ones(chain.states());
    case QueryKind::kProbability:
      break;
  }
  return Vector::Zero(chain.states());
}

bool same_transitions(const Generator& a, const Generator& b) {
  return a.outgoing().begin == b.outgoing().begin && a.outgoing().state == b.outgoing().state;
}

ChainChange central_difference(const LabelledChain& below, const LabelledChain& above, const Query& query,
                               double width) {
  ChainChange change(below.generator);
  const std::vector<double>& low = below.generator.outgoing().rate_per_s;
  const std::vector<double>& high = above.generator.outgoing().rate_per_s;
  for (std::size_t e = 0; e < low.size(); ++e) {
    change.rate[e] = (high[e] - low[e]) / width;
    change.rate_error[e] = high[e] == low[e] ? 0.0 : kRoundoff * (high[e] + low[e]) / width;
  }
  const Vector earned_low = earned_per_s(below, query);
  const Vector earned_high = earned_per_s(above, query);
  change.reward_per_s = (earned_high - earned_low) / width;
  change.reward_error = (earned_high.array() == earned_low.array())
                            .select(0.0, kRoundoff * (earned_high.cwiseAbs() + earned_low.cwiseAbs()) / width);
  return change;
}

ChainChange with_estimated_error(ChainChange difference, const ChainChange& over_twice_the_step) {
  for (std::size_t e = 0; e < difference.rate.size(); ++e) {
    difference.rate_error[e] += std::abs(difference.rate[e] - over_twice_the_step.rate[e]);
  }
  difference.reward_error += (difference.reward_per_s - over_twice_the_step.reward_per_s).cwiseAbs();
  return difference;
}

}  // namespace windtunnel::solvers
