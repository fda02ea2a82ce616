// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/state_space.h"

#include <algorithm>
#include <limits>

#include "solvers/numerics/double_double.h"
#include "solvers/prism/evaluation.h"
#include "solvers/prism/initial_states.h"
#include "solvers/prism/successors.h"

namespace windtunnel::solvers::prism {
namespace {

Vector as_vector(const std::vector<double>& values) {
  return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

/// What is collected for one reward structure while states are explored.
struct RewardColumns {
  std::vector<double> state_per_s;
  std::vector<double> transitions_per_s;
  std::vector<TransitionReward> transitions;
};

/// A transition to a numbered state; `source` is its position among the successors.
struct NumberedTransition {
  std::int32_t to = 0;
  std::uint32_t source = 0;
};

template <std::size_t W>
class Explorer {
 public:
  Explorer(const BoundModel& bound, const CompiledModel& model, const ExploreOptions& options,
           const OrbitSorter& orbits)
      : bound_(bound),
        model_(model),
        options_(options),
        orbits_(orbits),
        generator_(model, orbits),
        evaluator_(model.program),
        rewards_(model.reward_names.size()) {}

  LabelledChain explored() {
    const std::size_t initial = number_initial_states();
    while (builder_.current() < static_cast<Index>(numbering_.states().size())) explore_next();
    return chain(initial);
  }

 private:
  using State = PackedState<W>;

  std::size_t number_initial_states() {
    const std::vector<std::uint64_t> words = initial_states(bound_);
    const auto stride = static_cast<std::size_t>(bound_.words_per_state);
    for (std::size_t k = 0; k < words.size(); k += stride) {
      State state{};
      std::copy_n(words.begin() + static_cast<std::ptrdiff_t>(k), stride, state.begin());
      orbits_.sort(state.data());
      numbering_.number(state);
    }
    return numbering_.states().size();
  }

  void explore_next() {
    const State state = numbering_.states()[static_cast<std::size_t>(builder_.current())];  // a copy: numbering grows
    try {
      generator_.expand(state);
      earn_in_state(state);
      number_successors();
      earn_on_transitions(state);
      add_row();
    } catch (const ExpressionError& error) {
      throw InputError(model_.file, error.where, error.message + " in state " + name_of(state));
    }
    if (static_cast<Index>(numbering_.states().size()) > options_.max_states) {
      throw ChainError(fmt::format("the model has more than {} states", options_.max_states));
    }
  }

  std::string name_of(const State& state) const {
    return state_name(StateValues{model_.variables, static_cast<Index>(W), {state.begin(), state.end()}}, 0);
  }

  /// Looks all successors up, memory accesses of the batch overlapping, and brings them in the order of their numbers.
  void number_successors() {
    const std::vector<Successor<W>>& successors = generator_.successors();
    for (const Successor<W>& successor : successors) numbering_.prefetch_slot(successor.to);
    for (const Successor<W>& successor : successors) numbering_.prefetch_state(successor.to);
    row_.clear();
    for (std::size_t k = 0; k < successors.size(); ++k) {
      const auto to = static_cast<std::int32_t>(numbering_.number(successors[k].to));
      row_.push_back({to, static_cast<std::uint32_t>(k)});
    }
    std::sort(row_.begin(), row_.end(), [](const NumberedTransition& a, const NumberedTransition& b) {
      return a.to != b.to ? a.to < b.to : a.source < b.source;
    });
  }

  double reward(const CompiledReward& item, const State& state) {
    if (evaluator_.integer(item.guard, state.data()) == 0) return 0.0;
    const double value = evaluator_.real(item.value, state.data());
    if (std::isfinite(value)) return value;
    throw ExpressionError{item.where, fmt::format("reward {} is not finite", value)};
  }

  /// Sums are rounded once: counted modules may swap the order of their terms.
  void earn_in_state(const State& state) {
    sums_.assign(rewards_.size(), {});
    for (const CompiledReward& item : model_.state_rewards) {
      sums_[item.structure] = sums_[item.structure] + DoubleDouble{reward(item, state), 0.0};
    }
    for (std::size_t k = 0; k < rewards_.size(); ++k) rewards_[k].state_per_s.push_back(sums_[k].high);
  }

  /// rate x reward of every successor and structure, where some structure rewards the successor's action.
  void earn_on_transitions(const State& state) {
    sums_.assign(rewards_.size(), {});
    earned_per_s_.clear();
    for (const ActionRange& range : generator_.ranges()) {
      for (const CompiledReward& item : model_.transition_rewards[range.action]) {
        if (const double value = reward(item, state); value != 0.0) earn(range, item.structure, value);
      }
    }
    for (std::size_t k = 0; k < rewards_.size(); ++k) rewards_[k].transitions_per_s.push_back(sums_[k].high);
  }

  void earn(const ActionRange& range, std::size_t structure, double reward) {
    if (earned_per_s_.empty()) earned_per_s_.resize(generator_.successors().size() * rewards_.size(), 0.0);
    for (std::size_t k = range.begin; k < range.end; ++k) {
      const double earned = generator_.successors()[k].rate_per_s * reward;
      earned_per_s_[k * rewards_.size() + structure] += earned;
      sums_[structure] = sums_[structure] + DoubleDouble{earned, 0.0};
    }
  }

  /// Adds the row to the chain: transitions to the same state are merged, self-loops kept apart.
  void add_row() {
    const auto self = static_cast<std::int32_t>(builder_.current());
    for (std::size_t begin = 0, end = 0; begin < row_.size(); begin = end) {
      end = begin + 1;
      while (end < row_.size() && row_[end].to == row_[begin].to) ++end;
      const double rate = total_rate(begin, end);
      if (row_[begin].to == self) {
        self_loops_.push_back({self, rate});
        continue;
      }
      builder_.add(row_[begin].to, rate);
      if (!earned_per_s_.empty()) keep_transition_rewards(begin, end, rate);
      ++stored_;
    }
    builder_.finish_state();
  }

  /// Rounded once, however many transitions are merged.
  double total_rate(std::size_t begin, std::size_t end) const {
    DoubleDouble total{generator_.successors()[row_[begin].source].rate_per_s, 0.0};
    for (std::size_t k = begin + 1; k < end; ++k) {
      total = total + DoubleDouble{generator_.successors()[row_[k].source].rate_per_s, 0.0};
    }
    return total.high;
  }

  void keep_transition_rewards(std::size_t begin, std::size_t end, double rate) {
    for (std::size_t structure = 0; structure < rewards_.size(); ++structure) {
      double earned = 0.0;
      for (std::size_t k = begin; k < end; ++k) earned += earned_per_s_[row_[k].source * rewards_.size() + structure];
      if (earned != 0.0) rewards_[structure].transitions.push_back({stored_, earned / rate});
    }
  }

  LabelledChain chain(std::size_t initial) {
    LabelledChain chain{.generator = std::move(builder_).build()};
    chain.self_loop_rate_per_s = self_loop_rates(chain.states());
    chain.values = packed_values();
    StateSet init(static_cast<std::size_t>(chain.states()), false);
    std::fill_n(init.begin(), initial, true);
    chain.labels.push_back({"init", std::move(init)});
    chain.labels.push_back({"deadlock", deadlock_states(chain.generator, chain.self_loop_rate_per_s)});
    for (const BoundLabel& label : bound_.labels) {
      chain.labels.push_back({label.name, states_where(label.states, chain, {}, model_.file)});
    }
    for (std::size_t k = 0; k < rewards_.size(); ++k) chain.rewards.push_back(reward_structure(k));
    return chain;
  }

  Vector self_loop_rates(Index states) const {
    if (self_loops_.empty()) return {};
    Vector rates = Vector::Zero(states);
    for (const RateEntry& loop : self_loops_) rates(loop.state) = loop.rate_per_s;
    return rates;
  }

  StateValues packed_values() {
    StateValues values{model_.variables, static_cast<Index>(W), {}};
    std::vector<State> states = std::exchange(numbering_, {}).take_states();
    values.words.reserve(states.size() * W);
    for (const State& state : states) values.words.insert(values.words.end(), state.begin(), state.end());
    return values;
  }

  RewardStructure reward_structure(std::size_t k) {
    RewardColumns columns = std::exchange(rewards_[k], {});
    return {.name = model_.reward_names[k],
            .state_reward_per_s = as_vector(columns.state_per_s),
            .transition_reward_per_s = as_vector(columns.transitions_per_s),
            .transition_rewards = std::move(columns.transitions)};
  }

  const BoundModel& bound_;
  const CompiledModel& model_;
  const ExploreOptions& options_;
  OrbitSorter orbits_;
  SuccessorGenerator<W> generator_;
  Evaluator evaluator_;
  StateNumbering<State, PackedStateHash<W>> numbering_;
  GeneratorBuilder builder_;
  std::vector<NumberedTransition> row_;
  std::vector<double> earned_per_s_;
  /// Of each reward structure.
  std::vector<DoubleDouble> sums_;
  std::vector<RateEntry> self_loops_;
  std::vector<RewardColumns> rewards_;
  std::int64_t stored_ = 0;
};

}  // namespace

LabelledChain build_chain(const BoundModel& model, const ExploreOptions& options, const ModuleSymmetry& symmetry) {
  const OrbitSorter orbits(symmetry, model);
  const CompiledModel compiled = compile_model(model);
  return with_packed_words(compiled, [&](auto words) {
    return Explorer<decltype(words)::value>(model, compiled, options, orbits).explored();
  });
}

}  // namespace windtunnel::solvers::prism
