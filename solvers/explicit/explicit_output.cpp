// SPDX-License-Identifier: Apache-2.0
#include "solvers/explicit/explicit_output.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

template <typename... Arguments>
void print(std::string& text, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(text), format, std::forward<Arguments>(arguments)...);
}

double self_loop(const LabelledChain& chain, Index state) {
  return chain.self_loop_rate_per_s.size() == 0 ? 0.0 : chain.self_loop_rate_per_s(state);
}

/// Calls receive(from, to, rate) for all transitions, self-loops in their place, ascending.
template <typename Receive>
void for_each_transition(const LabelledChain& chain, const Receive& receive) {
  for (Index from = 0; from < chain.states(); ++from) {
    double loop = self_loop(chain, from);
    for (const auto [to, rate] : chain.generator.outgoing().row(from)) {
      if (loop > 0.0 && to > from) receive(from, from, std::exchange(loop, 0.0));
      receive(from, static_cast<Index>(to), rate);
    }
    if (loop > 0.0) receive(from, from, loop);
  }
}

bool in(const Label& label, Index state) {
  return label.states[static_cast<std::size_t>(state)];
}

/// Inside quotes of DOT.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string structure_title(const RewardStructure& structure, const char* kind) {
  if (structure.name.empty()) return fmt::format("# {} rewards\n", kind);
  return fmt::format("# Reward structure \"{}\"\n# {} rewards\n", structure.name, kind);
}

std::string label_text(const LabelledChain& chain, Index state) {
  std::string text = fmt::format("{}", state);
  if (!chain.values.empty()) text += "\\n" + escaped(state_name(chain, state));
  for (const Label& label : chain.labels) {
    if (in(label, state)) text += "\\n" + escaped(label.name);
  }
  return text;
}

}  // namespace

std::string tra_text(const LabelledChain& chain) {
  std::string text = fmt::format("{} {}\n", chain.states(), chain.transitions());
  for_each_transition(chain, [&](Index from, Index to, double rate) { print(text, "{} {} {}\n", from, to, rate); });
  return text;
}

std::string lab_text(const LabelledChain& chain) {
  std::string text;
  for (std::size_t k = 0; k < chain.labels.size(); ++k) {
    print(text, "{}{}=\"{}\"", k == 0 ? "" : " ", k, chain.labels[k].name);
  }
  text += '\n';
  for (Index state = 0; state < chain.states(); ++state) {
    std::string line;
    for (std::size_t k = 0; k < chain.labels.size(); ++k) {
      if (in(chain.labels[k], state)) print(line, " {}", k);
    }
    if (!line.empty()) print(text, "{}:{}\n", state, line);
  }
  return text;
}

std::string sta_text(const LabelledChain& chain) {
  if (chain.values.empty()) return "";
  std::string text = "(";
  for (const StateVariable& variable : chain.values.variables) {
    print(text, "{}{}", text.size() == 1 ? "" : ",", variable.name);
  }
  text += ")\n";
  for (Index state = 0; state < chain.states(); ++state) {
    std::string line;
    for (const StateVariable& variable : chain.values.variables) {
      const std::int64_t value = chain.values.value(state, variable);
      if (!line.empty()) line += ',';
      line += variable.is_boolean ? (value != 0 ? "true" : "false") : std::to_string(value);
    }
    print(text, "{}:({})\n", state, line);
  }
  return text;
}

std::string srew_text(const LabelledChain& chain) {
  std::string text;
  for (const RewardStructure& structure : chain.rewards) {
    const Vector& rewards = structure.state_reward_per_s;
    text += structure_title(structure, "State");
    print(text, "{} {}\n", chain.states(), (rewards.array() != 0.0).count());
    for (Index state = 0; state < chain.states(); ++state) {
      if (rewards(state) != 0.0) print(text, "{} {}\n", state, rewards(state));
    }
  }
  return text;
}

std::string trew_text(const LabelledChain& chain) {
  std::string text;
  const SparseRates& rates = chain.generator.outgoing();
  for (const RewardStructure& structure : chain.rewards) {
    text += structure_title(structure, "Transition");
    print(text, "{} {}\n", chain.states(), structure.transition_rewards.size());
    Index from = 0;
    for (const TransitionReward& reward : structure.transition_rewards) {
      while (rates.begin[static_cast<std::size_t>(from) + 1] <= reward.position) ++from;
      print(text, "{} {} {}\n", from, rates.state[static_cast<std::size_t>(reward.position)], reward.reward);
    }
  }
  return text;
}

std::string matrix_market_text(const LabelledChain& chain) {
  const Vector& exit = chain.generator.exit_rates();
  std::string text = "%%MatrixMarket matrix coordinate real general\n";
  print(text, "{} {} {}\n", chain.states(), chain.states(),
        chain.generator.transitions() + (exit.array() > 0.0).count());
  for (Index from = 0; from < chain.states(); ++from) {
    if (exit(from) > 0.0) print(text, "{} {} {}\n", from + 1, from + 1, -exit(from));
    for (const auto [to, rate] : chain.generator.outgoing().row(from)) {
      print(text, "{} {} {}\n", from + 1, to + 1, rate);
    }
  }
  return text;
}

std::string dot_text(const LabelledChain& chain) {
  if (chain.states() > kMostDrawnStates) {
    throw ChainError(
        fmt::format("a chain of {} states is too large to draw, at most {}", chain.states(), kMostDrawnStates));
  }
  std::string text = "digraph chain {\n  node [shape=box];\n";
  for (Index state = 0; state < chain.states(); ++state) {
    print(text, "  {} [label=\"{}\"];\n", state, label_text(chain, state));
  }
  for_each_transition(
      chain, [&](Index from, Index to, double rate) { print(text, "  {} -> {} [label=\"{}\"];\n", from, to, rate); });
  return text + "}\n";
}

}  // namespace windtunnel::solvers
