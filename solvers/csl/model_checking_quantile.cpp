// SPDX-License-Identifier: Apache-2.0
// Quantiles of the time of a first visit: a point from the distribution, then the narrowest bracket around it that the
// bounds on P(T <= t) can prove.
#include <algorithm>
#include <cmath>

#include "solvers/chain/initial_distribution.h"
#include "solvers/csl/state_answers.h"
#include "solvers/long_run/long_run_average.h"
#include "solvers/numerics/root_finding.h"
#include "solvers/passage/first_passage.h"

namespace windtunnel::solvers {
namespace {

// Sequences of products are kept for as long as they cost less than that, about two seconds, and fit 32 MB.
constexpr double kMaxKeptOperations = 2e9;
constexpr long long kMaxKeptProducts = 2'000'000;
// Relative widths that are tried; the tolerance is one of them.
constexpr double kNarrowest = 0x1p-10;
constexpr double kWidest = 0.1;
// A million products round so much that times of a small chain are better asked about one by one.
constexpr double kLoose = 1e-11;
constexpr Index kMaxSharpened = 100;
constexpr double kWidening = 4.0;

/// P(T <= t) from one state, by whatever suits t: kept sequences of products while they last, then each time on its
/// own.
class PassageLaw {
 public:
  PassageLaw(const Generator& q, const StateSet& target, Index state, const CheckOptions& options)
      : q_(q),
        target_(target),
        state_(state),
        options_(options),
        kept_(q, listed(target), point_mass(q.states(), state), {.max_iterations = max_products(q)}) {
    // The density of T turns a bound on P(T <= t) into one on t: all digits are wanted.
    options_.absolute_tolerance = 1e-13;
    const double relative = q.states() <= kMaxSharpened ? options_.absolute_tolerance : 1e-9;
    options_.relative_tolerance = std::min(relative, 0.1 * options.relative_tolerance);
  }

  /// Of any chain whose rates differ by at most that relative, by Duhamel's formula (rate_perturbation.h).
  Interval within(double time_s, double rate_error) {
    const Interval bounds = within(time_s);
    const double more = rate_error * q_.max_exit_rate() * time_s;
    return {bounds.lower - more, bounds.upper + more};
  }

  Interval within(double time_s) {
    Interval bounds{0.0, 1.0};
    if (time_s * q_.max_exit_rate() < static_cast<double>(max_products(q_))) {
      const PassageProbability found = kept_.within(time_s);
      if (found.usable()) {
        iterations_ = found.iterations;
        bounds = bounds_of(found);
        if (bounds.width() <= kLoose || q_.states() > kMaxSharpened) return bounds;
      }
    }
    PathFormula path{.left = StateSet(target_.size(), true), .right = target_, .time = {.upper_s = time_s}};
    const StateAnswer found = until_probability(q_, path, {state_}, options_);
    iterations_ += found.iterations;
    return {std::max(bounds.lower, found.lower(state_)), std::min(bounds.upper, found.upper(state_))};
  }

  long long iterations() const { return iterations_; }

 private:
  /// The smaller of both sides is known better.
  static Interval bounds_of(const PassageProbability& found) {
    const double missing = found.not_reached_error + 0x1p-52;
    return {std::max(found.reached - found.reached_error, 1.0 - found.not_reached - missing),
            std::min(found.reached + found.reached_error, 1.0 - found.not_reached + missing)};
  }

  static long long max_products(const Generator& q) {
    const double products = kMaxKeptOperations / static_cast<double>(q.transitions() + 2 * q.states());
    return std::clamp(static_cast<long long>(products), 1LL, kMaxKeptProducts);
  }

  const Generator& q_;
  const StateSet& target_;
  Index state_;
  CheckOptions options_;
  FirstPassage kept_;
  long long iterations_ = 0;
};

/// About the quantile; infinite when it is beyond the range of doubles.
double near_quantile(PassageLaw& law, double level, double first_s) {
  const auto excess = [&](double time_s) {
    const Interval bounds = law.within(time_s);
    return 0.5 * (bounds.lower + bounds.upper) - level;
  };
  double early = 0.0;
  double late = first_s;
  while (excess(late) < 0.0) {
    early = late;
    late *= 4.0;
    if (std::isinf(late)) return late;
  }
  return find_root(excess, early, late, 1e-12);
}

Interval proven_around(PassageLaw& law, double level, double time_s, double tolerance, double rate_error) {
  Interval bounds{0.0, HUGE_VAL};
  for (double width = kNarrowest * tolerance; width < kWidest; width *= kWidening) {
    const double early = time_s * (1.0 - width);
    const double late = time_s * (1.0 + width);
    if (bounds.lower == 0.0 && law.within(early, rate_error).upper < level) bounds.lower = early;
    if (std::isinf(bounds.upper) && law.within(late, rate_error).lower >= level) bounds.upper = late;
    if (bounds.lower > 0.0 && std::isfinite(bounds.upper)) break;
  }
  return bounds;
}

}  // namespace

StateAnswer passage_quantile(const Generator& q, const StateSet& target, double level,
                             const std::vector<Index>& interest, const CheckOptions& options) {
  const StateSet everywhere(target.size(), true);
  StateAnswer answer = constant_answer(q.states(), 0.0);
  const StateAnswer ever = unbounded_until(q, everywhere, target, interest, options);
  const double reach_error = 4.0 * static_cast<double>(q.states()) * options.rate_error;  // rate_perturbation.h
  if (options.rate_error > 0.0) answer.perturbation = Vector::Zero(q.states());
  for (const Index state : interest) {
    if (target[static_cast<std::size_t>(state)]) continue;
    answer.upper(state) = HUGE_VAL;
    if (ever.upper(state) + reach_error < level) {
      answer.lower(state) = HUGE_VAL;
      continue;
    }
    if (ever.lower(state) <= level) continue;  // between 0 and infinity is all that can be said
    PassageLaw law(q, target, state, options);
    const double middle = near_quantile(law, level, 1.0 / q.max_exit_rate());
    answer.method_used = Method::kUniformization;
    answer.message = "bracketed by bounds on P(T <= t)";
    if (std::isfinite(middle)) {
      const Interval bounds = proven_around(law, level, middle, options.relative_tolerance, 0.0);
      answer.lower(state) = bounds.lower;
      answer.upper(state) = bounds.upper;
      if (options.rate_error > 0.0) {
        const Interval all = proven_around(law, level, middle, options.relative_tolerance, options.rate_error);
        answer.perturbation(state) = std::max(bounds.lower - all.lower, all.upper - bounds.upper);
      }
    }
    answer.iterations += law.iterations();
  }
  return answer;
}

}  // namespace windtunnel::solvers
