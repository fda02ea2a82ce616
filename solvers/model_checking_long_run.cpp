// SPDX-License-Identifier: Apache-2.0
// Long-run averages of chains with any number of bottom classes: the average of each, weighted with the probability to
// end there.
#include <algorithm>
#include <cmath>

#include "solvers/certified_average.h"
#include "solvers/certified_boundary_value.h"
#include "solvers/communicating_classes.h"
#include "solvers/state_answers.h"

namespace windtunnel::solvers {
namespace {

Interval class_average(const Generator& q, const std::vector<Index>& members, const Vector& reward,
                       const CheckOptions& options, StateAnswer& answer) {
  if (members.size() == 1) return {reward(members.front()), reward(members.front())};
  // Half of the tolerance is left to the probabilities.
  const CertifiedAverageOptions average_options{.method = options.method,
                                                .absolute_tolerance = 0.5 * options.absolute_tolerance,
                                                .relative_tolerance = 0.5 * options.relative_tolerance,
                                                .max_iterations = options.max_iterations};
  const bool whole = static_cast<Index>(members.size()) == q.states();
  const CertifiedAverage average = whole ? solve_certified_average(PartialChain(q), reward, average_options)
                                         : solve_certified_average(PartialChain(q, members), reward, average_options);
  account(average, answer);
  if (options.verify) {
    Certificate certificate{.states = StateSet(static_cast<std::size_t>(q.states()), false), .reward_per_s = reward};
    for (const Index i : members) certificate.states[static_cast<std::size_t>(i)] = true;
    certificate.worth = average.bias;
    answer.certificate = std::move(certificate);
  }
  return average.bounds;
}

}  // namespace

StateAnswer long_run_average_in(const Generator& q, const Vector& reward_per_s, const std::vector<Index>& interest,
                                const CheckOptions& options) {
  StateAnswer answer = constant_answer(q.states(), 0.0);
  const StateSet everywhere(static_cast<std::size_t>(q.states()), true);
  const StateSet reached = reachable_through(q, interest, everywhere);
  const CommunicatingClasses classes = communicating_classes(q);
  Vector value = Vector::Zero(q.states());
  double widest = 0.0;
  StateSet inside = reached;
  Interval only;
  Index reached_classes = 0;
  for (const Index bottom : classes.bottom) {
    const std::vector<Index>& members = classes.members[static_cast<std::size_t>(bottom)];
    if (!reached[static_cast<std::size_t>(members.front())]) continue;
    const Interval bounds = class_average(q, members, reward_per_s, options, answer);
    const double middle = bounds.lower + 0.5 * bounds.width();
    for (const Index i : members) {
      value(i) = middle;
      answer.lower(i) = bounds.lower;
      answer.upper(i) = bounds.upper;
      inside[static_cast<std::size_t>(i)] = false;
    }
    widest = std::max(
        {widest, std::nextafter(bounds.upper - middle, HUGE_VAL), std::nextafter(middle - bounds.lower, HUGE_VAL)});
    only = bounds;
    ++reached_classes;
  }
  const std::vector<Index> transient = listed(inside);
  if (reached_classes == 1) {
    for (const Index i : transient) {
      answer.lower(i) = only.lower;
      answer.upper(i) = only.upper;
    }
    return answer;
  }
  answer.certificate.reset();  // one per class, and the mixture
  std::vector<Index> asked;
  for (const Index i : interest) {
    if (inside[static_cast<std::size_t>(i)]) asked.push_back(i);
  }
  const BoundaryValue ends = solve_boundary_value(q, transient, asked, Vector::Zero(q.states()), value,
                                                  {.method = options.method,
                                                   .absolute_tolerance = 0.4 * options.absolute_tolerance,
                                                   .relative_tolerance = 0.4 * options.relative_tolerance,
                                                   .max_iterations = options.max_iterations});
  account(ends, answer);
  if (asked.empty()) return answer;
  // Averages that are off by at most `widest` shift their mixture by no more.
  for (const Index i : transient) {
    const Interval mixture = ends.bounds(i);
    answer.lower(i) = std::nextafter(std::max(value.minCoeff(), mixture.lower) - widest, -HUGE_VAL);
    answer.upper(i) = std::nextafter(std::min(value.maxCoeff(), mixture.upper) + widest, HUGE_VAL);
  }
  return answer;
}

}  // namespace windtunnel::solvers
