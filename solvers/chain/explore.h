// SPDX-License-Identifier: Apache-2.0
// State space of a model from an initial state and a successor function.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {

template <typename State>
struct StateSpace {
  /// State k of the chain; the initial states come first.
  std::vector<State> states;
  Generator generator;
};

struct ExploreOptions {
  /// More states than this end the exploration with a ChainError. >= 1.
  Index max_states = 100'000'000;
};

/// Numbers states 0, 1, ... in the order of their first mention. Open addressing: 4 bytes per slot, at most half of
/// them used.
template <typename State, typename Hash = std::hash<State>>
class StateNumbering {
 public:
  /// The number of the state, a new one if it was not seen before.
  Index number(const State& state) {
    if (2 * states_.size() >= slots_.size()) grow();
    std::size_t slot = first_slot(state);
    while (slots_[slot] != kFree) {
      if (states_[static_cast<std::size_t>(slots_[slot])] == state) return slots_[slot];
      slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = static_cast<std::int32_t>(states_.size());
    states_.push_back(state);
    return slots_[slot];
  }
  std::vector<State>& states() { return states_; }
  std::vector<State> take_states() && { return std::move(states_); }

  /// Asks the memory for what number(state) will read first, and (a while later) for what it will read next: with both,
  /// the lookups of a batch of states overlap.
  void prefetch_slot(const State& state) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[first_slot(state)]);
  }
  void prefetch_state(const State& state) const {
    const std::int32_t known = slots_.empty() ? kFree : slots_[first_slot(state)];
    if (known != kFree) __builtin_prefetch(&states_[static_cast<std::size_t>(known)]);
  }

 private:
  static constexpr std::int32_t kFree = -1;

  // Multiplying by 2^64 / golden ratio spreads weak hashes over the high bits: Knuth, The Art of Computer Programming
  // 3, 6.4.
  std::size_t first_slot(const State& state) const {
    const std::uint64_t spread = static_cast<std::uint64_t>(Hash{}(state)) * 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(spread >> 32) & (slots_.size() - 1);
  }

  void grow() {
    slots_.assign(slots_.empty() ? 64 : 4 * slots_.size(), kFree);
    for (std::size_t k = 0; k < states_.size(); ++k) {
      std::size_t slot = first_slot(states_[k]);
      while (slots_[slot] != kFree) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<std::int32_t>(k);
    }
  }

  std::vector<State> states_;
  std::vector<std::int32_t> slots_;
};

/// Every state that can be reached from the initial ones, numbered breadth first: the same model gives the same numbers
/// on every machine. `successors(state, emit)` calls `emit(next, rate_per_s)` for each transition; repeated ones add
/// up. Throws ChainError for a rate that is not finite and > 0, a state that goes to itself, or more than max_states
/// states.
template <typename State, typename Hash = std::hash<State>, typename Successors>
StateSpace<State> explore_all(const std::vector<State>& initial, const Successors& successors,
                              const ExploreOptions& options = {}) {
  StateNumbering<State, Hash> numbering;
  GeneratorBuilder builder;
  for (const State& state : initial) numbering.number(state);
  while (builder.current() < static_cast<Index>(numbering.states().size())) {
    const State state = numbering.states()[static_cast<std::size_t>(builder.current())];  // a copy: numbering grows
    successors(state, [&](const State& next, double rate_per_s) { builder.add(numbering.number(next), rate_per_s); });
    builder.finish_state();
    if (static_cast<Index>(numbering.states().size()) > options.max_states) {
      throw ChainError("the model has more than " + std::to_string(options.max_states) + " states");
    }
  }
  return {std::move(numbering.states()), std::move(builder).build()};
}

/// As explore_all, from one initial state, which becomes state 0.
template <typename State, typename Hash = std::hash<State>, typename Successors>
StateSpace<State> explore(const State& initial, const Successors& successors, const ExploreOptions& options = {}) {
  return explore_all<State, Hash>(std::vector<State>{initial}, successors, options);
}

}  // namespace windtunnel::solvers
