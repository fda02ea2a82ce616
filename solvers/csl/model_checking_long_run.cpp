// SPDX-License-Identifier: Apache-2.0
// Long-run averages of chains with any number of bottom classes: the average of each, weighted with the probability to
// end there.
#include <algorithm>
#include <cmath>

#include "solvers/chain/communicating_classes.h"
#include "solvers/csl/state_answers.h"
#include "solvers/long_run/certified_average.h"
#include "solvers/passage/certified_boundary_value.h"

namespace windtunnel::solvers {
namespace {

// Of the tolerance, for the averages of the classes and for the probabilities to end there; the rest is for
// rounding.
constexpr double kShareOfClasses = 0.5;
constexpr double kShareOfMixture = 0.4;
// Of what the averages may shift their mixture by, relative.
constexpr double kShiftTolerance = 0.1;

Interval class_average(const Generator& q, const std::vector<Index>& members, const Vector& reward,
                       const CheckOptions& options, StateAnswer& answer) {
  if (members.size() == 1) return {reward(members.front()), reward(members.front())};
  const CertifiedAverageOptions average_options{.method = options.method,
                                                .absolute_tolerance = kShareOfClasses * options.absolute_tolerance,
                                                .relative_tolerance = kShareOfClasses * options.relative_tolerance,
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

/// Averages of the bottom classes that are reached, in their states; 0 elsewhere.
struct ClassAverages {
  Vector middle;
  Vector half_width;
  Interval last;
  Index count = 0;
};

ClassAverages class_averages(const Generator& q, const StateSet& reached, const Vector& reward_per_s,
                             const CheckOptions& options, StateSet& inside, StateAnswer& answer) {
  ClassAverages result{.middle = Vector::Zero(q.states()), .half_width = Vector::Zero(q.states())};
  const CommunicatingClasses classes = communicating_classes(q);
  for (const Index bottom : classes.bottom) {
    const std::vector<Index>& members = classes.members[static_cast<std::size_t>(bottom)];
    if (!reached[static_cast<std::size_t>(members.front())]) continue;
    const Interval bounds = class_average(q, members, reward_per_s, options, answer);
    const double middle = bounds.lower + 0.5 * bounds.width();
    const double half_width = std::max(bounds.upper - middle, middle - bounds.lower);
    for (const Index i : members) {
      result.middle(i) = middle;
      result.half_width(i) = half_width > 0.0 ? std::nextafter(half_width, HUGE_VAL) : 0.0;
      answer.lower(i) = bounds.lower;
      answer.upper(i) = bounds.upper;
      inside[static_cast<std::size_t>(i)] = false;
    }
    result.last = bounds;
    ++result.count;
  }
  return result;
}

/// The averages weighted with the probabilities to end in their classes.
class Mixture {
 public:
  Mixture(const Generator& q, const std::vector<Index>& transient, const std::vector<Index>& asked,
          const CheckOptions& options)
      : q_(q), transient_(transient), asked_(asked), options_(options) {}

  void solve(const ClassAverages& averages, StateAnswer& answer) const {
    const BoundaryValue ends = mixed(averages.middle, kShareOfMixture * options_.absolute_tolerance,
                                     kShareOfMixture * options_.relative_tolerance);
    account(ends, answer);
    const double widest = averages.half_width.maxCoeff();
    Vector shift = Vector::Constant(q_.states(), widest);
    if (!allows(ends, widest)) {
      // An unlikely class with a large average shifts by its share only.
      const BoundaryValue shares = mixed(averages.half_width, widest * 0x1p-1000, kShiftTolerance);
      account(shares, answer);
      for (const Index i : transient_) shift(i) = std::min(widest, shares.bounds(i).upper);
    }
    const double least = averages.middle.minCoeff();
    const double most = averages.middle.maxCoeff();
    for (const Index i : transient_) {
      const Interval mixture = ends.bounds(i);
      answer.lower(i) = std::nextafter(std::max(least, mixture.lower) - shift(i), -HUGE_VAL);
      answer.upper(i) = std::nextafter(std::min(most, mixture.upper) + shift(i), HUGE_VAL);
    }
  }

 private:
  BoundaryValue mixed(const Vector& given, double absolute_tolerance, double relative_tolerance) const {
    return solve_boundary_value(q_, transient_, asked_, Vector::Zero(q_.states()), given,
                                {.method = options_.method,
                                 .absolute_tolerance = absolute_tolerance,
                                 .relative_tolerance = relative_tolerance,
                                 .max_iterations = options_.max_iterations});
  }

  /// Whether so large a shift leaves the answers as close as they are wanted.
  bool allows(const BoundaryValue& ends, double shift) const {
    return std::all_of(asked_.begin(), asked_.end(), [&](Index i) {
      const Interval bounds = ends.bounds(i);
      const double size = std::min(std::abs(bounds.lower), std::abs(bounds.upper));
      const double allowed = std::max(options_.absolute_tolerance, options_.relative_tolerance * size);
      return shift <= kShareOfClasses * allowed;
    });
  }

  const Generator& q_;
  const std::vector<Index>& transient_;
  const std::vector<Index>& asked_;
  const CheckOptions& options_;
};

}  // namespace

StateAnswer long_run_average_in(const Generator& q, const Vector& reward_per_s, const std::vector<Index>& interest,
                                const CheckOptions& options) {
  StateAnswer answer = constant_answer(q.states(), 0.0);
  const StateSet everywhere(static_cast<std::size_t>(q.states()), true);
  const StateSet reached = reachable_through(q, interest, everywhere);
  StateSet inside = reached;
  const ClassAverages averages = class_averages(q, reached, reward_per_s, options, inside, answer);
  const std::vector<Index> transient = listed(inside);
  if (averages.count == 1) {
    for (const Index i : transient) {
      answer.lower(i) = averages.last.lower;
      answer.upper(i) = averages.last.upper;
    }
    return answer;
  }
  answer.certificate.reset();  // one per class, and the mixture
  std::vector<Index> asked;
  for (const Index i : interest) {
    if (inside[static_cast<std::size_t>(i)]) asked.push_back(i);
  }
  if (!asked.empty()) Mixture(q, transient, asked, options).solve(averages, answer);
  return answer;
}

}  // namespace windtunnel::solvers
