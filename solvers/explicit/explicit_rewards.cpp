// SPDX-License-Identifier: Apache-2.0
// The reward files of explicit_chain.h.
#include <algorithm>
#include <cmath>

#include "solvers/explicit/explicit_chain.h"
#include "solvers/explicit/explicit_header.h"

namespace windtunnel::solvers {
namespace {

/// The name in quotes of the last comment that has one; comments are used up.
std::string name_in(std::vector<std::string>& comments) {
  std::string name;
  for (const std::string& comment : comments) {
    const std::size_t open = comment.find('"');
    const std::size_t close = comment.rfind('"');
    if (open != std::string::npos && close > open) name = comment.substr(open + 1, close - open - 1);
  }
  comments.clear();
  return name;
}

/// Calls structure(name) for each structure of a reward file and entry() for each of its lines.
template <typename OnStructure, typename OnEntry>
void read_rewards(NumberReader& reader, Index states, const OnStructure& on_structure, const OnEntry& on_entry) {
  std::vector<std::string> comments;
  reader.comments = &comments;
  if (!reader.skip_to_word()) reader.fail("found the end of the file, expected the numbers of states and of rewards");
  do {
    const ExplicitHeader header = read_header(reader);
    require_states(reader, header, states);
    on_structure(name_in(comments));
    for (std::int64_t k = 0; k < header.entries; ++k) {
      if (!reader.skip_to_word()) require_count(reader, header, k);
      on_entry();
      reader.expect_line_end();
    }
  } while (reader.skip_to_word());
}

/// Position of the transition in the rows of the chain; -1 when there is none.
std::int64_t position_of(const Generator& generator, Index from, Index to) {
  const SparseRates& rates = generator.outgoing();
  const auto begin = rates.state.begin() + rates.begin[static_cast<std::size_t>(from)];
  const auto end = rates.state.begin() + rates.begin[static_cast<std::size_t>(from) + 1];
  const auto found = std::lower_bound(begin, end, static_cast<std::int32_t>(to));
  return found == end || *found != to ? -1 : found - rates.state.begin();
}

RewardStructure empty_structure(const std::string& name, Index states) {
  return {.name = name,
          .state_reward_per_s = Vector::Zero(states),
          .transition_reward_per_s = Vector::Zero(states),
          .transition_rewards = {}};
}

/// The structure that transition rewards belong to; a new one when the chain has none for them.
RewardStructure& structure_for(LabelledChain& chain, const std::string& name, std::size_t position) {
  if (!name.empty()) {
    if (const auto found = find_reward(chain, name)) return chain.rewards[*found];
  } else if (position < chain.rewards.size()) {
    return chain.rewards[position];
  }
  chain.rewards.push_back(empty_structure(name, chain.states()));
  return chain.rewards.back();
}

void add_reward(NumberReader& reader, LabelledChain& chain, RewardStructure& structure) {
  const SourceLocation where = reader.where();
  const Index from = read_state(reader, chain.states());
  const Index to = read_state(reader, chain.states());
  const double reward = reader.real("a reward");
  double rate = 0.0;
  if (from == to) {
    if (chain.self_loop_rate_per_s.size() > 0) rate = chain.self_loop_rate_per_s(from);
  } else if (const std::int64_t position = position_of(chain.generator, from, to); position >= 0) {
    rate = chain.generator.outgoing().rate_per_s[static_cast<std::size_t>(position)];
    structure.transition_rewards.push_back({position, reward});
  }
  if (rate == 0.0) reader.fail_at(where, fmt::format("the chain has no transition from {} to {}", from, to));
  structure.transition_reward_per_s(from) += rate * reward;
  if (!std::isfinite(structure.transition_reward_per_s(from)))
    reader.fail_at(where, "the rewards of the state overflow");
}

/// Ascending positions, repeated ones added up.
void sort_rewards(std::vector<TransitionReward>& rewards) {
  std::stable_sort(rewards.begin(), rewards.end(),
                   [](const TransitionReward& a, const TransitionReward& b) { return a.position < b.position; });
  std::vector<TransitionReward> merged;
  for (const TransitionReward& reward : rewards) {
    if (!merged.empty() && merged.back().position == reward.position) {
      merged.back().reward += reward.reward;
    } else {
      merged.push_back(reward);
    }
  }
  rewards = std::move(merged);
}

}  // namespace

std::vector<RewardStructure> read_state_rewards(std::istream& input, const std::string& file, Index states) {
  NumberReader reader(input, file);
  std::vector<RewardStructure> structures;
  const auto on_structure = [&](const std::string& name) { structures.push_back(empty_structure(name, states)); };
  const auto on_entry = [&] {
    const Index state = read_state(reader, states);
    double& total = structures.back().state_reward_per_s(state);
    total += reader.real("a reward");
    if (!std::isfinite(total)) reader.fail("the rewards of the state overflow");
  };
  read_rewards(reader, states, on_structure, on_entry);
  return structures;
}

void read_transition_rewards(std::istream& input, const std::string& file, LabelledChain& chain) {
  NumberReader reader(input, file);
  std::size_t position = 0;
  std::size_t current = 0;
  const auto on_structure = [&](const std::string& name) {
    current = static_cast<std::size_t>(&structure_for(chain, name, position++) - chain.rewards.data());
  };
  read_rewards(reader, chain.states(), on_structure, [&] { add_reward(reader, chain, chain.rewards[current]); });
  for (RewardStructure& structure : chain.rewards) sort_rewards(structure.transition_rewards);
}

}  // namespace windtunnel::solvers
