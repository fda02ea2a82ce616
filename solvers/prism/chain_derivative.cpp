// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/chain_derivative.h"

#include <algorithm>

#include "solvers/chain/explore.h"
#include "solvers/prism/compiled_model.h"
#include "solvers/prism/successors.h"

namespace windtunnel::solvers::prism {
namespace {

/// Sets of states that jump with the constant have no derivative, whatever the rates.
void require_fixed_sets(const BoundModel& model, const LabelledChain& chain) {
  if (model.initial_states != nullptr && moves(model.initial_states)) {
    throw ExpressionError{model.initial_states->where, "no derivative: the initial states depend on the constant"};
  }
  for (const BoundLabel& label : model.labels) {
    if (!moves(label.states)) continue;
    Program program(model.variables);
    const Code code = program.compile(label.states);
    DualEvaluator evaluator(program);
    const std::uint64_t* words = chain.values.words.data();
    for (Index i = 0; i < chain.states(); ++i) evaluator.integer(code, words + i * chain.values.words_per_state);
  }
}

template <std::size_t W>
class Differentiator {
 public:
  Differentiator(const CompiledModel& model, const OrbitSorter& orbits, const LabelledChain& chain,
                 std::optional<std::size_t> rewards)
      : model_(model),
        chain_(chain),
        rewards_(rewards),
        successors_(model, orbits),
        evaluator_(model.program),
        change_(chain.generator) {
    for (Index i = 0; i < chain.states(); ++i) numbering_.number(state(i));
  }

  ChainChange change() {
    for (Index i = 0; i < chain_.states(); ++i) {
      try {
        differentiate(i);
      } catch (const ExpressionError& error) {
        throw InputError(model_.file, error.where, error.message + " in state " + state_name(chain_, i));
      }
    }
    return std::move(change_);
  }

 private:
  using State = PackedState<W>;

  State state(Index i) const {
    State state{};
    std::copy_n(chain_.values.words.begin() + i * chain_.values.words_per_state, W, state.begin());
    return state;
  }

  void differentiate(Index i) {
    const State here = state(i);
    successors_.expand(here);
    for (const auto& [to, rate] : successors_.successors()) {
      if (const Index j = numbering_.number(to); rate.moves() && j != i) add_to_rate(i, j, rate.slope);
    }
    if (!rewards_.has_value()) return;
    Enclosure earned;
    for (const CompiledReward& item : model_.state_rewards) earned = earned + reward(item, here).slope;
    for (const ActionRange& range : successors_.ranges()) earned = earned + earned_on(range, here);
    require_finite(earned, "of the rewards");
    change_.reward_per_s(i) = earned.value;
    change_.reward_error(i) = earned.error;
  }

  /// Parallel transitions add up.
  void add_to_rate(Index from, Index to, const Enclosure& slope) {
    const SparseRates& rates = chain_.generator.outgoing();
    const auto begin = rates.state.begin() + rates.begin[static_cast<std::size_t>(from)];
    const auto end = rates.state.begin() + rates.begin[static_cast<std::size_t>(from) + 1];
    const auto position = static_cast<std::size_t>(std::lower_bound(begin, end, to) - rates.state.begin());
    const Enclosure sum = Enclosure{change_.rate[position], change_.rate_error[position]} + slope;
    require_finite(sum, "of a rate");
    change_.rate[position] = sum.value;
    change_.rate_error[position] = sum.error;
  }

  static void require_finite(const Enclosure& slope, const char* what) {
    if (std::isfinite(slope.value)) return;
    throw ExpressionError{{}, fmt::format("the derivative {} is {}", what, slope.value)};
  }

  DualNumber reward(const CompiledReward& item, const State& state) {
    if (item.structure != *rewards_ || evaluator_.integer(item.guard, state.data()) == 0) return 0.0;
    return evaluator_.real(item.value, state.data());
  }

  /// Slope of rate x reward over the successors of one action.
  Enclosure earned_on(const ActionRange& range, const State& state) {
    Enclosure earned;
    for (const CompiledReward& item : model_.transition_rewards[range.action]) {
      const DualNumber value = reward(item, state);
      for (std::size_t k = range.begin; k < range.end; ++k) {
        earned = earned + (successors_.successors()[k].rate_per_s * value).slope;
      }
    }
    return earned;
  }

  const CompiledModel& model_;
  const LabelledChain& chain_;
  std::optional<std::size_t> rewards_;
  SuccessorGenerator<W, DualNumber> successors_;
  DualEvaluator evaluator_;
  StateNumbering<State, PackedStateHash<W>> numbering_;
  ChainChange change_;
};

}  // namespace

ChainChange chain_derivative(const BoundModel& model, const ModuleSymmetry& symmetry, const LabelledChain& chain,
                             std::optional<std::size_t> rewards) {
  try {
    require_fixed_sets(model, chain);
  } catch (const ExpressionError& error) {
    throw InputError(model.file, error.where, error.message);
  }
  const OrbitSorter orbits(symmetry, model);
  const CompiledModel compiled = compile_model(model);
  return with_packed_words(compiled, [&](auto words) {
    return Differentiator<decltype(words)::value>(compiled, orbits, chain, rewards).change();
  });
}

}  // namespace windtunnel::solvers::prism
