// SPDX-License-Identifier: Apache-2.0
// A Markov chain with what a question about it can name: labels, rewards, an initial state, variables of its states.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// A set of states: one flag per state of the chain.
using StateSet = std::vector<bool>;

/// 1 in the states of the set, 0 elsewhere.
Vector indicator(const StateSet& set);

struct Label {
  std::string name;
  StateSet states;
};

/// Reward of one stored transition. Where several transitions lead from one state to another, it is their average,
/// weighted by rate.
struct TransitionReward {
  /// Position in generator.outgoing().state.
  std::int64_t position = 0;
  double reward = 0.0;
};

struct RewardStructure {
  /// Empty: it has no name.
  std::string name;
  /// Reward that each state earns per second spent in it; one entry per state, finite.
  Vector state_reward_per_s;
  /// Rate at which transitions earn rewards in each state: the sum over its transitions, self-loops included, of rate x
  /// reward of the transition. One entry per state, finite.
  Vector transition_reward_per_s;
  /// Transitions whose reward is not 0, ascending in position: for export. Self-loops are not among them.
  std::vector<TransitionReward> transition_rewards;
};

/// A variable of the model that the chain was made from.
struct StateVariable {
  std::string name;
  bool is_boolean = false;
  /// Its range; 0 and 1 for a boolean.
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
  /// Where value - lowest is stored: bits `shift` .. `shift` + `bits` - 1 of word `word` of the state. 0 bits:
  /// constant.
  int word = 0;
  int shift = 0;
  int bits = 0;
};

/// The values of all variables in all states.
struct StateValues {
  std::vector<StateVariable> variables;
  Index words_per_state = 0;
  /// State i occupies words i * words_per_state to (i + 1) * words_per_state - 1.
  std::vector<std::uint64_t> words;

  bool empty() const { return variables.empty(); }
  std::int64_t value(Index state, const StateVariable& variable) const;
};

struct LabelledChain {
  Generator generator;
  /// The only initial state, or the first of several (then the label "init" holds them all).
  Index initial = 0;
  /// Rate at which each state goes to itself, which neither time nor probability in states can tell, but which counts
  /// for the operator X and in transition rewards. Empty: no state does.
  Vector self_loop_rate_per_s;
  /// In the order of the model; "init" and "deadlock" (states that nothing leaves) come first.
  std::vector<Label> labels;
  std::vector<RewardStructure> rewards;
  /// Empty when the chain does not come from a model with variables.
  StateValues values;

  Index states() const { return generator.states(); }
  /// Different (from, to) pairs, self-loops included: the number that model checkers print.
  Index transitions() const;
};

/// The label of that name, or nullptr.
const Label* find_label(const LabelledChain& chain, std::string_view name);
/// The number of the reward structure of that name, if any.
std::optional<std::size_t> find_reward(const LabelledChain& chain, std::string_view name);

/// States that nothing leaves (a self-loop leaves).
StateSet deadlock_states(const Generator& generator, const Vector& self_loop_rate_per_s);

/// `(s=1,busy=true)`.
std::string state_name(const StateValues& values, Index state);

/// As above, or the number of the state when the chain has no variables.
std::string state_name(const LabelledChain& chain, Index state);

}  // namespace windtunnel::solvers
