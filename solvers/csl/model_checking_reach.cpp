// SPDX-License-Identifier: Apache-2.0
// Reaching states without a time limit: probabilities, rewards, moments of the time.
#include <algorithm>
#include <cmath>

#include "solvers/chain/communicating_classes.h"
#include "solvers/chain/reach_sets.h"
#include "solvers/csl/state_answers.h"
#include "solvers/passage/certified_boundary_value.h"

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
  if (options.verify && solved.exit_time_s.size() > 0 && !asked.empty()) {
    answer.certificate = Certificate{.kind = Certificate::Kind::kLeaving,
                                     .states = reached,
                                     .reward_per_s = reward,
                                     .worth = solved.h,
                                     .exit_time = solved.exit_time_s};
  }
  for (const Index i : inside) {
    const Interval bounds = solved.bounds(i);
    answer.lower(i) = bounds.lower;
    answer.upper(i) = bounds.upper;
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
  const StateSet earning = can_reach(q.incoming(), both(open, states_with(reward_per_s)), open);
  solve_inside(q, both(open, earning), reward_per_s, Vector::Zero(q.states()), interest, options, answer);
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
  answer.certificate.reset();
  answer.upper = above.upper;
  return answer;
}

StateAnswer variance(const Generator& q, const StateSet& target, const std::vector<Index>& interest,
                     const CheckOptions& options) {
  const StateAnswer mean = moment(q, target, 1, interest, options);
  StateAnswer answer = moment(q, target, 2, interest, options);
  account(mean, answer);
  answer.certificate.reset();
  for (Index i = 0; i < q.states(); ++i) {
    if (std::isinf(mean.lower(i))) continue;
    const double least = answer.lower(i) - mean.upper(i) * mean.upper(i) * (1.0 + 0x1p-51);
    const double most = answer.upper(i) - mean.lower(i) * mean.lower(i) * (1.0 - 0x1p-51);
    answer.lower(i) = std::max(0.0, std::nextafter(least, -HUGE_VAL));
    answer.upper(i) = std::nextafter(most, HUGE_VAL);
  }
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
      return passage_quantile(q, passage.target, passage.level, interest, options);
  }
  return constant_answer(q.states(), 0.0);
}

}  // namespace windtunnel::solvers
