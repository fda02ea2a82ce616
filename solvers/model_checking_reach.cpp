// SPDX-License-Identifier: Apache-2.0
// Reaching states without a time limit: probabilities, rewards, moments of the time.
#include <algorithm>
#include <cmath>

#include "solvers/certified_boundary_value.h"
#include "solvers/communicating_classes.h"
#include "solvers/first_passage.h"
#include "solvers/initial_distribution.h"
#include "solvers/reach_sets.h"
#include "solvers/state_answers.h"

namespace windtunnel::solvers {
namespace {

StateSet both(const StateSet& a, const StateSet& b) {
  StateSet result = a;
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = a[i] && b[i];
  return result;
}

BoundaryValueOptions boundary_options(const CheckOptions& options) {
  return {.method = options.method,
          .absolute_tolerance = options.absolute_tolerance,
          .relative_tolerance = options.relative_tolerance,
          .max_iterations = options.max_iterations};
}

/// Solves for the states of `open` that can be reached from the states asked about, and writes the bounds there.
void solve_inside(const Generator& q, const StateSet& open, const Vector& reward, const Vector& given,
                  const std::vector<Index>& interest, const CheckOptions& options, StateAnswer& answer) {
  const StateSet reached = reachable_through(q, interest, open);
  std::vector<Index> asked;
  for (const Index i : interest) {
    if (reached[static_cast<std::size_t>(i)]) asked.push_back(i);
  }
  const std::vector<Index> inside = listed(reached);
  const BoundaryValue solved = solve_boundary_value(q, inside, asked, reward, given, boundary_options(options));
  account(solved, answer);
  for (const Index i : inside) {
    const double error =
        solved.exit_time_s.size() > 0 ? solved.ratio * solved.exit_time_s(i) * (1.0 + 0x1p-50) : HUGE_VAL;
    // Half an ulp for the low part, which is not added.
    answer.lower(i) = std::nextafter(std::nextafter(solved.h.high(i), -HUGE_VAL) - error, -HUGE_VAL);
    answer.upper(i) = std::nextafter(std::nextafter(solved.h.high(i), HUGE_VAL) + error, HUGE_VAL);
  }
}

StateSet states_with(const Vector& reward) {
  StateSet set(static_cast<std::size_t>(reward.size()));
  for (Index i = 0; i < reward.size(); ++i) set[static_cast<std::size_t>(i)] = reward(i) != 0.0;
  return set;
}

/// Rewards >= 0 earn >= 0.
void clip_at_zero(const Vector& reward, StateAnswer& answer) {
  if (reward.minCoeff() >= 0.0) answer.lower = answer.lower.cwiseMax(0.0);
}

}  // namespace

StateAnswer unbounded_until(const Generator& q, const StateSet& left, const StateSet& right,
                            const std::vector<Index>& interest, const CheckOptions& options) {
  const ReachSets sets = reach_sets(q, left, right);
  StateAnswer answer = constant_answer(q.states(), 0.0);
  Vector given = Vector::Zero(q.states());
  StateSet open(sets.never.size());
  for (std::size_t i = 0; i < open.size(); ++i) {
    open[i] = !sets.never[i] && !sets.surely[i];
    if (sets.surely[i]) given(static_cast<Index>(i)) = 1.0;
  }
  answer.lower = answer.upper = given;
  solve_inside(q, open, Vector::Zero(q.states()), given, interest, options, answer);
  return answer;
}

StateAnswer reward_until(const Generator& q, const Vector& reward_per_s, const StateSet& target,
                         const std::vector<Index>& interest, const CheckOptions& options) {
  const StateSet everywhere(target.size(), true);
  const ReachSets sets = reach_sets(q, everywhere, target);
  StateAnswer answer = constant_answer(q.states(), 0.0);
  StateSet underway = sets.surely;
  for (std::size_t i = 0; i < target.size(); ++i) underway[i] = sets.surely[i] && !target[i];
  // States that earn nothing any more, for sure, need no equation.
  const StateSet earning = can_reach(q.incoming(), both(underway, states_with(reward_per_s)), target);
  solve_inside(q, both(underway, earning), reward_per_s, Vector::Zero(q.states()), interest, options, answer);
  clip_at_zero(reward_per_s, answer);
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (!sets.surely[i]) answer.lower(static_cast<Index>(i)) = answer.upper(static_cast<Index>(i)) = HUGE_VAL;
  }
  return answer;
}

StateAnswer total_reward(const Generator& q, const Vector& reward_per_s, const std::vector<Index>& interest,
                         const CheckOptions& options) {
  const CommunicatingClasses classes = communicating_classes(q);
  StateSet ends(static_cast<std::size_t>(q.states()), false);
  StateSet endless = ends;
  for (const Index bottom : classes.bottom) {
    bool earns = false;
    for (const Index i : classes.members[static_cast<std::size_t>(bottom)]) {
      ends[static_cast<std::size_t>(i)] = true;
      earns |= reward_per_s(i) != 0.0;
    }
    if (earns) endless[static_cast<std::size_t>(classes.members[static_cast<std::size_t>(bottom)].front())] = true;
  }
  const StateSet infinite = can_reach(q.incoming(), endless);
  StateAnswer answer = constant_answer(q.states(), 0.0);
  StateSet open(ends.size());
  for (std::size_t i = 0; i < ends.size(); ++i) open[i] = !ends[i] && !infinite[i];
  solve_inside(q, open, reward_per_s, Vector::Zero(q.states()), interest, options, answer);
  clip_at_zero(reward_per_s, answer);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (infinite[i]) answer.lower(static_cast<Index>(i)) = answer.upper(static_cast<Index>(i)) = HUGE_VAL;
  }
  return answer;
}

namespace {

/// E[T^order] from the moment before: h with order * E[T^(order - 1)] as its reward, once from below, once from above.
StateAnswer moment(const Generator& q, const StateSet& target, int order, const std::vector<Index>& interest,
                   const CheckOptions& options) {
  if (order == 1) return reward_until(q, Vector::Ones(q.states()), target, interest, options);
  const StateAnswer before = moment(q, target, order - 1, interest, options);
  const auto finite = [&](const Vector& bound) {
    return Vector((bound.array().isInf()).select(1.0, bound.array() * static_cast<double>(order)));
  };
  StateAnswer answer = reward_until(q, finite(before.lower), target, interest, options);
  const StateAnswer above = reward_until(q, finite(before.upper), target, interest, options);
  account(before, answer);
  account(above, answer);
  answer.upper = above.upper;
  return answer;
}

StateAnswer variance(const Generator& q, const StateSet& target, const std::vector<Index>& interest,
                     const CheckOptions& options) {
  const StateAnswer mean = moment(q, target, 1, interest, options);
  StateAnswer answer = moment(q, target, 2, interest, options);
  account(mean, answer);
  for (Index i = 0; i < q.states(); ++i) {
    if (std::isinf(mean.lower(i))) continue;
    const double least = answer.lower(i) - mean.upper(i) * mean.upper(i) * (1.0 + 0x1p-51);
    const double most = answer.upper(i) - mean.lower(i) * mean.lower(i) * (1.0 - 0x1p-51);
    answer.lower(i) = std::max(0.0, std::nextafter(least, -HUGE_VAL));
    answer.upper(i) = std::nextafter(most, HUGE_VAL);
  }
  return answer;
}

/// The narrowest bracket around the quantile that the bounds on P(T <= t) can prove.
StateAnswer quantile(const Generator& q, const PassageFormula& passage, const std::vector<Index>& interest,
                     const CheckOptions& options) {
  StateAnswer answer = constant_answer(q.states(), 0.0);
  for (const Index state : interest) {
    FirstPassage passages(q, listed(passage.target), point_mass(q.states(), state));
    const PassageQuantile found = passages.quantile(passage.level);
    account(found, answer);
    answer.lower(state) = answer.upper(state) = found.time_s;
    if (!found.usable() || found.time_s == 0.0 || std::isinf(found.time_s)) continue;
    answer.lower(state) = 0.0;
    answer.upper(state) = HUGE_VAL;
    for (double width = 1e-11; width < 0.1; width *= 4.0) {
      const double early = found.time_s * (1.0 - width);
      const double late = found.time_s * (1.0 + width);
      const PassageProbability before = passages.within(early);
      const PassageProbability after = passages.within(late);
      if (before.reached + *before.error_bound < passage.level)
        answer.lower(state) = std::max(answer.lower(state), early);
      if (after.reached - *after.error_bound >= passage.level)
        answer.upper(state) = std::min(answer.upper(state), late);
      if (answer.lower(state) > 0.0 && std::isfinite(answer.upper(state))) break;
    }
  }
  (void)options;
  return answer;
}

}  // namespace

StateAnswer passage_time(const Generator& q, const PassageFormula& passage, const std::vector<Index>& interest,
                         const CheckOptions& options) {
  switch (passage.measure) {
    case PassageMeasure::kMean:
      return moment(q, passage.target, 1, interest, options);
    case PassageMeasure::kMoment:
      return moment(q, passage.target, passage.order, interest, options);
    case PassageMeasure::kVariance:
      return variance(q, passage.target, interest, options);
    case PassageMeasure::kQuantile:
      return quantile(q, passage, interest, options);
  }
  return constant_answer(q.states(), 0.0);
}

}  // namespace windtunnel::solvers
