// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/initial_states.h"

#include "solvers/prism/evaluator.h"
#include "solvers/prism/guard_index.h"

namespace windtunnel::solvers::prism {
namespace {

using Words = std::vector<std::uint64_t>;

void set_value(Words& state, const StateVariable& variable, std::int64_t value) {
  if (variable.bits == 0) return;
  const std::uint64_t mask = (~std::uint64_t{0} >> (64 - variable.bits)) << variable.shift;
  std::uint64_t& word = state[static_cast<std::size_t>(variable.word)];
  word = (word & ~mask) | static_cast<std::uint64_t>(value - variable.lowest) << variable.shift;
}

/// Tries the values of one variable after the other; a condition is checked as soon as all its variables have values.
class InitialStateSearch {
 public:
  explicit InitialStateSearch(const BoundModel& model)
      : model_(model),
        program_(model.variables),
        checks_(compiled_checks()),
        evaluator_(program_),
        state_(static_cast<std::size_t>(model.words_per_state), 0) {}

  Words all() {
    try {
      extend(0);
    } catch (const ExpressionError& error) {
      throw InputError(model_.file, error.where, error.message);
    }
    return std::move(found_);
  }

 private:
  /// checks[k]: conditions whose last variable is number k - 1.
  std::vector<std::vector<Code>> compiled_checks() {
    std::vector<std::vector<Code>> checks(model_.variables.size() + 1);
    for (const ExpressionPointer& part : conjuncts(model_.initial_states)) {
      const std::vector<std::size_t> read = variables_of(part);
      checks[read.empty() ? 0 : read.back() + 1].push_back(program_.compile(part));
    }
    return checks;
  }

  bool allowed(std::size_t known) {
    for (const Code& check : checks_[known]) {
      if (evaluator_.integer(check, state_.data()) == 0) return false;
    }
    return true;
  }

  void extend(std::size_t known) {
    if (++tried_ > kMaxTried) {
      throw ExpressionError{model_.initial_states->where,
                            fmt::format("more than {} values tried to find the initial states", kMaxTried)};
    }
    if (!allowed(known)) return;
    if (known == model_.variables.size()) {
      found_.insert(found_.end(), state_.begin(), state_.end());
      return;
    }
    const StateVariable& variable = model_.variables[known];
    for (std::int64_t value = variable.lowest; value <= variable.highest; ++value) {
      set_value(state_, variable, value);
      extend(known + 1);
    }
  }

  // Some seconds.
  static constexpr long long kMaxTried = 100'000'000;

  const BoundModel& model_;
  Program program_;
  std::vector<std::vector<Code>> checks_;
  Evaluator evaluator_;
  Words state_;
  Words found_;
  long long tried_ = 0;
};

}  // namespace

std::vector<std::uint64_t> initial_states(const BoundModel& model) {
  if (model.initial_states != nullptr) {
    Words found = InitialStateSearch(model).all();
    if (found.empty()) throw InputError(model.file, model.initial_states->where, "no state satisfies 'init'");
    return found;
  }
  Words state(static_cast<std::size_t>(model.words_per_state), 0);
  for (std::size_t k = 0; k < model.variables.size(); ++k) set_value(state, model.variables[k], model.initial[k]);
  return state;
}

}  // namespace windtunnel::solvers::prism
