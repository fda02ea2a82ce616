// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/model_checking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <stdexcept>

#include "solvers/csl/rate_perturbation.h"
#include "solvers/csl/state_answers.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

void require_set(const StateSet& set, Index states, const char* what) {
  if (static_cast<Index>(set.size()) == states) return;
  throw ChainError(fmt::format("{} has {} flags, the chain has {} states", what, set.size(), states));
}

const RewardStructure& rewards_of(const LabelledChain& chain, const RewardFormula& formula) {
  if (formula.structure >= chain.rewards.size()) {
    throw ChainError(
        fmt::format("reward structure {} does not exist, the chain has {}", formula.structure, chain.rewards.size()));
  }
  return chain.rewards[formula.structure];
}

/// 1 - x rounded down, or up; exact at 0 and 1.
double complement_below(double x) {
  return x == 0.0 || x == 1.0 ? 1.0 - x : std::max(0.0, std::nextafter(1.0 - x, -HUGE_VAL));
}
double complement_above(double x) {
  return x == 0.0 || x == 1.0 ? 1.0 - x : std::min(1.0, std::nextafter(1.0 - x, HUGE_VAL));
}

StateAnswer complement(StateAnswer answer) {
  const Vector lower = answer.upper.unaryExpr(&complement_below);
  answer.upper = answer.lower.unaryExpr(&complement_above);
  answer.lower = lower;
  answer.certificate.reset();
  return answer;
}

StateAnswer probability(const LabelledChain& chain, const PathFormula& path, const std::vector<Index>& interest,
                        const CheckOptions& options) {
  require_set(path.right, chain.states(), "the right operand");
  CheckOptions own = options;
  // Relative to a complement that may be tiny.
  if (path.complement) own.relative_tolerance = std::min(own.relative_tolerance, own.absolute_tolerance);
  if (path.path_operator == PathOperator::kUntil) require_set(path.left, chain.states(), "the left operand");
  StateAnswer answer = path.path_operator == PathOperator::kNext
                           ? next_probability(chain, path)
                           : until_probability(chain.generator, path, interest, own);
  answer.lower = answer.lower.cwiseMax(0.0).cwiseMin(1.0);
  answer.upper = answer.upper.cwiseMax(0.0).cwiseMin(1.0);
  return path.complement ? complement(std::move(answer)) : answer;
}

StateAnswer reward(const LabelledChain& chain, const RewardFormula& formula, const std::vector<Index>& interest,
                   const CheckOptions& options) {
  const RewardStructure& rewards = rewards_of(chain, formula);
  const Vector earned_per_s = rewards.state_reward_per_s + rewards.transition_reward_per_s;
  const Generator& q = chain.generator;
  switch (formula.reward_operator) {
    case RewardOperator::kSteadyState:
      return long_run_average_in(q, earned_per_s, interest, options);
    case RewardOperator::kInstantaneous:
      return reward_at(q, rewards.state_reward_per_s, formula.time_s, interest, options);
    case RewardOperator::kCumulative:
      if (std::isinf(formula.time_s)) return total_reward(q, earned_per_s, interest, options);
      return reward_within(q, earned_per_s, formula.time_s, interest, options);
    case RewardOperator::kReachability:
      require_set(formula.target, chain.states(), "the target");
      return reward_until(q, earned_per_s, formula.target, interest, options);
  }
  throw std::invalid_argument("unknown reward operator");
}

StateAnswer answer(const LabelledChain& chain, const Query& query, const std::vector<Index>& interest,
                   const CheckOptions& options) {
  switch (query.kind) {
    case QueryKind::kProbability:
      return probability(chain, query.path, interest, options);
    case QueryKind::kSteadyState: {
      require_set(query.steady_states, chain.states(), "the set of states");
      Vector inside(chain.states());
      for (Index i = 0; i < inside.size(); ++i)
        inside(i) = query.steady_states[static_cast<std::size_t>(i)] ? 1.0 : 0.0;
      StateAnswer share = long_run_average_in(chain.generator, inside, interest, options);
      share.lower = share.lower.cwiseMax(0.0);
      share.upper = share.upper.cwiseMin(1.0);
      return share;
    }
    case QueryKind::kReward:
      return reward(chain, query.reward, interest, options);
    case QueryKind::kPassageTime:
      require_set(query.passage.target, chain.states(), "the target");
      return passage_time(chain.generator, query.passage, interest, options);
  }
  throw std::invalid_argument("unknown kind of question");
}

/// Bounds of the filter's value from bounds in its states.
template <typename BoundsOf>
Interval combined(const BoundsOf& bounds_of, const std::vector<Index>& states, FilterOperator filter) {
  Interval result = bounds_of(states.front());
  if (filter == FilterOperator::kState || filter == FilterOperator::kFirst) return result;
  double lower_sum = 0.0;
  double upper_sum = 0.0;
  for (const Index i : states) {
    const Interval one = bounds_of(i);
    const bool least = filter == FilterOperator::kMinimum;
    result.lower = least ? std::min(result.lower, one.lower) : std::max(result.lower, one.lower);
    result.upper = least ? std::min(result.upper, one.upper) : std::max(result.upper, one.upper);
    lower_sum += one.lower;
    upper_sum += one.upper;
  }
  if (filter == FilterOperator::kMinimum || filter == FilterOperator::kMaximum) return result;
  const double count = static_cast<double>(states.size());
  const double rounding = count * 0x1p-52;
  const double divisor = filter == FilterOperator::kAverage ? count : 1.0;
  return {(lower_sum - rounding * std::abs(lower_sum)) / divisor,
          (upper_sum + rounding * std::abs(upper_sum)) / divisor};
}

void conclude(const CheckOptions& options, CheckResult& result) {
  if (std::isinf(result.lower) && result.lower == result.upper) {
    result.value = result.lower;
    result.error_bound = 0.0;
    return;
  }
  if (!(result.lower <= result.upper)) {  // also when one is not a number
    result.termination = Termination::kNumericalFailure;
    result.error_bound.reset();
    result.message =
        fmt::format("two proofs contradict each other: at least {:.17g}, at most {:.17g}", result.lower, result.upper);
    return;
  }
  result.value = result.lower + 0.5 * (result.upper - result.lower);
  if (!std::isfinite(result.value)) result.value = std::isfinite(result.lower) ? result.lower : result.upper;
  result.error_bound = std::max(result.value - result.lower, result.upper - result.value);
  if (result.lower != result.upper) result.error_bound = std::nextafter(*result.error_bound, HUGE_VAL);
  // Half the width may exceed what was asked for by its own rounding.
  const double allowed = std::max(options.absolute_tolerance, options.relative_tolerance * std::abs(result.value));
  const bool tight = std::isfinite(*result.error_bound) && *result.error_bound <= 1.01 * allowed;
  if (tight) result.termination = Termination::kConverged;
  if (!tight && result.usable()) result.termination = Termination::kIterationLimit;
  if (!std::isfinite(*result.error_bound)) result.error_bound.reset();
  if (!tight) {
    result.message =
        fmt::format("only known to lie between {:.12g} and {:.12g} ({})", result.lower, result.upper, result.message);
  }
}

/// The answer of any chain that the rates may be those of.
void widen(const StateAnswer& answer, const Interval& bounds, Index first, CheckResult& result) {
  const double more = std::max(result.lower - bounds.lower, bounds.upper - result.upper);
  result.lower = bounds.lower;
  result.upper = bounds.upper;
  if (std::isinf(result.value)) return;
  if (!std::isfinite(more)) {
    result.error_bound.reset();
    result.termination = Termination::kNumericalFailure;
    result.message = "no bound is known on what the rounding of the rates does to the answer";
    return;
  }
  if (result.error_bound.has_value())
    result.error_bound = std::nextafter(std::max(result.value - bounds.lower, bounds.upper - result.value), HUGE_VAL);
  if (!result.verified.has_value()) return;
  const double there = answer.perturbation(first);
  result.verified = {result.verified->lower - there, result.verified->upper + there};
}

}  // namespace

Interval StateAnswer::bounds(Index state) const {
  if (perturbation.size() == 0 || perturbation(state) == 0.0) return {lower(state), upper(state)};
  return {std::nextafter(lower(state) - perturbation(state), -HUGE_VAL),
          std::nextafter(upper(state) + perturbation(state), HUGE_VAL)};
}

StateAnswer check_states(const LabelledChain& chain, const Query& query, const StateSet& interest,
                         const CheckOptions& options) {
  if (!(options.absolute_tolerance > 0.0) || !(options.relative_tolerance > 0.0)) {
    throw std::invalid_argument("the tolerances are not > 0");
  }
  require_set(interest, chain.states(), "the set of states asked about");
  StateAnswer result = answer(chain, query, listed(interest), options);
  if (options.rate_error > 0.0 && result.perturbation.size() == 0) {
    result.perturbation = rate_perturbation(chain, query, interest, options, result);
  }
  return result;
}

CheckResult check(const LabelledChain& chain, const Query& query, const StateFilter& filter,
                  const CheckOptions& options) {
  const std::clock_t start = std::clock();
  const std::vector<Index> states = listed(filter.states);
  if (states.empty()) throw ChainError("the filter holds for no state");
  StateSet interest = filter.states;
  if (filter.filter_operator == FilterOperator::kFirst || filter.filter_operator == FilterOperator::kState) {
    interest.assign(interest.size(), false);
    interest[static_cast<std::size_t>(states.front())] = true;
  }
  const StateAnswer per_state = check_states(chain, query, interest, options);
  CheckResult result;
  static_cast<SolveResult&>(result) = per_state;
  const auto solved = [&](Index i) { return Interval{per_state.lower(i), per_state.upper(i)}; };
  const Interval bounds = combined(solved, states, filter.filter_operator);
  result.lower = bounds.lower;
  result.upper = bounds.upper;
  if (per_state.certificate.has_value() && listed(interest).size() == 1) {
    result.verified = verify(chain.generator, *per_state.certificate, states.front());
  }
  conclude(options, result);
  if (per_state.perturbation.size() > 0) {
    const auto all = [&](Index i) { return per_state.bounds(i); };
    widen(per_state, combined(all, states, filter.filter_operator), states.front(), result);
  }
  result.solve_time_s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return result;
}

CheckResult check(const LabelledChain& chain, const Query& query, const CheckOptions& options) {
  StateFilter initial;
  initial.states.assign(static_cast<std::size_t>(chain.states()), false);
  initial.states[static_cast<std::size_t>(chain.initial)] = true;
  return check(chain, query, initial, options);
}

StateAnswer constant_answer(Index states, double value) {
  StateAnswer result;
  result.termination = Termination::kConverged;
  result.method_used = Method::kGraph;
  result.message = "the graph of the chain settles the answer";
  result.lower = result.upper = Vector::Constant(states, value);
  return result;
}

void account(const SolveResult& part, StateAnswer& whole) {
  whole.iterations += part.iterations;
  if (part.method_used != Method::kGraph) {
    whole.method_used = part.method_used;
    whole.message = part.message;
  }
  if (!part.usable()) whole.termination = part.termination;
}

StateSet reachable_through(const Generator& q, const std::vector<Index>& from, const StateSet& open) {
  StateSet reached(static_cast<std::size_t>(q.states()), false);
  std::vector<Index> pending;
  const auto visit = [&](Index state) {
    const auto at = static_cast<std::size_t>(state);
    if (!open[at] || reached[at]) return;
    reached[at] = true;
    pending.push_back(state);
  };
  for (const Index state : from) visit(state);
  while (!pending.empty()) {
    const Index state = pending.back();
    pending.pop_back();
    for (const auto [to, rate] : q.outgoing().row(state)) visit(to);
  }
  return reached;
}

std::vector<Index> listed(const StateSet& set) {
  std::vector<Index> states;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i]) states.push_back(static_cast<Index>(i));
  }
  return states;
}

}  // namespace windtunnel::solvers
