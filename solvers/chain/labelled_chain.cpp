// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/labelled_chain.h"

#include <fmt/format.h>

#include <algorithm>

namespace windtunnel::solvers {
namespace {

std::string value_text(const StateVariable& variable, std::int64_t value) {
  if (variable.is_boolean) return value != 0 ? "true" : "false";
  return std::to_string(value);
}

}  // namespace

Vector indicator(const StateSet& set) {
  Vector numbers(static_cast<Index>(set.size()));
  for (std::size_t i = 0; i < set.size(); ++i) numbers(static_cast<Index>(i)) = set[i] ? 1.0 : 0.0;
  return numbers;
}

std::int64_t StateValues::value(Index state, const StateVariable& variable) const {
  if (variable.bits == 0) return variable.lowest;
  const std::uint64_t word = words[static_cast<std::size_t>(state * words_per_state + variable.word)];
  const std::uint64_t mask = ~std::uint64_t{0} >> (64 - variable.bits);
  return variable.lowest + static_cast<std::int64_t>((word >> variable.shift) & mask);
}

Index LabelledChain::transitions() const {
  return generator.transitions() + (self_loop_rate_per_s.array() > 0.0).count();
}

const Label* find_label(const LabelledChain& chain, std::string_view name) {
  const auto found =
      std::find_if(chain.labels.begin(), chain.labels.end(), [&](const Label& label) { return label.name == name; });
  return found == chain.labels.end() ? nullptr : &*found;
}

std::optional<std::size_t> find_reward(const LabelledChain& chain, std::string_view name) {
  const auto found = std::find_if(chain.rewards.begin(), chain.rewards.end(),
                                  [&](const RewardStructure& reward) { return reward.name == name; });
  if (found == chain.rewards.end()) return std::nullopt;
  return static_cast<std::size_t>(found - chain.rewards.begin());
}

StateSet deadlock_states(const Generator& generator, const Vector& self_loop_rate_per_s) {
  StateSet states(static_cast<std::size_t>(generator.states()));
  for (Index i = 0; i < generator.states(); ++i) {
    const bool loops = self_loop_rate_per_s.size() > 0 && self_loop_rate_per_s(i) > 0.0;
    states[static_cast<std::size_t>(i)] = generator.exit_rate(i) == 0.0 && !loops;
  }
  return states;
}

std::string state_name(const StateValues& values, Index state) {
  std::vector<std::string> parts;
  for (const StateVariable& variable : values.variables) {
    parts.push_back(variable.name + "=" + value_text(variable, values.value(state, variable)));
  }
  return fmt::format("({})", fmt::join(parts, ","));
}

std::string state_name(const LabelledChain& chain, Index state) {
  return chain.values.empty() ? std::to_string(state) : state_name(chain.values, state);
}

}  // namespace windtunnel::solvers
