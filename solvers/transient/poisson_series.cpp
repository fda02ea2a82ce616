// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/poisson_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "solvers/linear/row_team.h"
#include "solvers/long_run/long_run_average.h"
#include "solvers/numerics/double_double.h"
#include "solvers/numerics/enclosure.h"
#include "solvers/numerics/poisson_weights.h"

namespace windtunnel::solvers {
namespace {

// Products between two looks at the rest, which cost about one.
constexpr Index kProductsPerCheck = 32;

struct Ratios {
  double lowest = 0.0;
  double highest = HUGE_VAL;
};

/// y_next / y over all states, for y >= 0; no upper ratio where y has an entry 0 that does not stay.
Ratios ratios(const Vector& y, const Vector& next) {
  Ratios result{HUGE_VAL, 0.0};
  for (Index i = 0; i < y.size(); ++i) {
    if (y(i) < 0.0 || next(i) < 0.0 || (y(i) == 0.0 && next(i) > 0.0)) return {};
    if (y(i) == 0.0) continue;
    result.lowest = std::min(result.lowest, next(i) / y(i));
    result.highest = std::max(result.highest, next(i) / y(i));
  }
  return result;
}

/// sum_j weight(from + j) ratio^j.
double geometric_tail(const SeriesWeights& weights, Index from, double ratio) {
  const double steps = static_cast<double>(std::max<Index>(0, weights.first - from));
  double power = std::pow(ratio, steps);
  double sum = 0.0;
  // (1 - ratio^steps) / (1 - ratio)
  if (weights.before > 0.0 && steps > 0.0)
    sum = ratio == 1.0 ? steps : std::expm1(steps * std::log(ratio)) / (ratio - 1.0);
  sum *= weights.before;
  for (Index k = std::max(from, weights.first) - weights.first; k < weights.weight.size() && power > 0.0; ++k) {
    sum += weights.weight(k) * power;
    power *= ratio;
  }
  return sum;
}

/// Probability to stay for a tick, relative error at most 3 u however close to 0: the exit rate is summed in twice the
/// digits before it is subtracted.
Vector staying(const PartialChain& part, double rate) {
  Vector stay(part.states());
  for (Index k = 0; k < part.states(); ++k) {
    DoubleDouble left{rate, 0.0};
    for (const auto [to, exit] : part.whole().outgoing().row(part.member(k))) left = left + DoubleDouble{-exit, 0.0};
    stay(k) = left.high / rate;
  }
  return stay;
}

/// Terms and sum. All numbers are >= 0: terms of a closed chain are shifted, `shift` is what each term lacks; other
/// terms of mixed sign come as two series. So every rounding error is relative to the entry it hits.
class Series {
 public:
  Series(const PartialChain& part, Vector first_term, double shift, const SeriesWeights& weights, int threads)
      : part_(part),
        weights_(weights),
        y_(std::move(first_term)),
        next_(y_.size()),
        sum_(Vector::Zero(y_.size())),
        probability_(part.rates().rate_per_s.size()),
        shift_(shift),
        team_(part.rates(), threads) {
    const double rate = tick_rate(part);
    stay_ = staying(part, rate);
    for (std::size_t e = 0; e < probability_.size(); ++e) probability_[e] = part.rates().rate_per_s[e] / rate;
    remaining_in_window_ = weights.weight.sum();
    total_ = remaining_in_window_ + weights.before * static_cast<double>(weights.first);
    first_largest_ = y_.maxCoeff();
    // Quotient, product and additions of a row; 3 for the probability to stay.
    product_rounding_ = static_cast<double>(longest_row(part.rates()) + 6) * kUnitRoundoff;
  }

  Index term() const { return term_; }
  Index last() const { return weights_.last(); }

  /// Adds the present term and makes the next one.
  void advance() {
    const double weight = weights_.at(term_);
    if (term_ >= weights_.first) remaining_in_window_ -= weight;
    if (term_ < last()) {
      add_and_multiply(weight);
      y_.swap(next_);
    } else {
      sum_ += weight * y_;
    }
    ++term_;
  }

  /// The sum so far plus what is known about the rest.
  void enclose(SeriesSum& result) {
    const Interval left = term_ <= last() ? remaining() : Interval{};
    Rest rest{left.lower * (part_.closed() ? y_.minCoeff() : 0.0), left.upper * y_.maxCoeff(), 0.0, 0.0};
    if (left.upper > 0.0) {
      const Rest collatz = geometric_rest();
      if ((collatz.most_share - collatz.least_share) * y_.maxCoeff() < rest.most - rest.least) rest = collatz;
    }
    // Terms, their addition, and the weights, which follow from the mode by two roundings per step.
    const double terms = static_cast<double>(term_ + 1);
    const double rounding = terms * (product_rounding_ + 3.0 * kUnitRoundoff) +
                            3.0 * static_cast<double>(weights_.weight.size()) * kUnitRoundoff;
    const double constant = shift_ * total_;
    const double slack = weights_.lost * (first_largest_ + std::abs(shift_)) +
                         3.0 * static_cast<double>(weights_.weight.size()) * kUnitRoundoff * std::abs(constant);
    result.lower = ((sum_ + rest.least_share * y_).array() + rest.least) * (1.0 - rounding) + (constant - slack);
    result.upper = ((sum_ + rest.most_share * y_).array() + rest.most) * (1.0 + rounding) + (constant + slack);
  }

 private:
  /// The terms to come: between least + least_share * y and most + most_share * y.
  struct Rest {
    double least = 0.0;
    double most = 0.0;
    double least_share = 0.0;
    double most_share = 0.0;
  };

  /// Weight of the terms to come. The sum over the window, and what is taken from it, round once per weight.
  Interval remaining() const {
    const double before = weights_.before * static_cast<double>(std::max<Index>(0, weights_.first - term_));
    const double sum = before + std::max(0.0, remaining_in_window_);
    const double slack = window_rounding() * (total_ - weights_.before * static_cast<double>(weights_.first)) +
                         2.0 * kUnitRoundoff * sum;
    return {std::max(0.0, sum - slack), sum + slack + 1e-17};
  }

  double window_rounding() const { return 4.0 * static_cast<double>(weights_.weight.size()) * kUnitRoundoff; }

  Rest geometric_rest() {
    add_and_multiply(0.0);
    const Ratios found = ratios(y_, next_);
    if (!(found.highest < 2.0)) return {0.0, 0.0, 0.0, HUGE_VAL};
    // The ratios are those of computed products.
    const double least = std::max(0.0, found.lowest * (1.0 - 2.0 * product_rounding_));
    const double most = found.highest * (1.0 + 2.0 * product_rounding_);
    // Before the window a power errs by the rounding of its exponent, which is below 745 where it counts.
    const double rounding = 1e-12 + window_rounding();
    return {0.0, 0.0, geometric_tail(weights_, term_, least) * (1.0 - rounding),
            geometric_tail(weights_, term_, most) * (1.0 + rounding)};
  }

  /// Adds weight * y to the sum and makes the next y. One pass: the chain is larger than the cache.
  void add_and_multiply(double weight) {
    const SparseRates& rates = part_.rates();
    const double* probability = probability_.data();
    const std::int32_t* state = rates.state.data();
    const double* y = y_.data();
    team_.run([&](Index begin, Index end) {
      std::int64_t e = rates.begin[static_cast<std::size_t>(begin)];
      for (Index i = begin; i < end; ++i) {
        double next = stay_(i) * y[i];
        const std::int64_t row_end = rates.begin[static_cast<std::size_t>(i) + 1];
        for (; e < row_end; ++e) next += probability[e] * y[state[e]];
        next_(i) = next;
        sum_(i) += weight * y[i];
      }
    });
  }

  const PartialChain& part_;
  const SeriesWeights& weights_;
  Vector y_;
  Vector next_;
  Vector sum_;
  Vector stay_;
  std::vector<double> probability_;
  double shift_ = 0.0;
  double remaining_in_window_ = 0.0;
  double total_ = 0.0;
  double product_rounding_ = 0.0;
  double first_largest_ = 0.0;
  Index term_ = 0;
  RowTeam team_;
};

double excess(const SeriesSum& sum, const std::vector<Index>& interest, const SeriesOptions& options) {
  double worst = 0.0;
  for (const Index i : interest) {
    const double size = std::min(std::abs(sum.lower(i)), std::abs(sum.upper(i)));
    const double allowed = std::max(options.absolute_tolerance, options.relative_tolerance * size);
    worst = std::max(worst, 0.5 * (sum.upper(i) - sum.lower(i)) / allowed);
  }
  return worst;
}

}  // namespace

SeriesWeights SeriesWeights::at_time(double mean, double cut_mass) {
  const PoissonWeights poisson = poisson_weights(mean, cut_mass);
  // Of the tails themselves a rounding per term is unknown.
  return {.first = poisson.left, .weight = poisson.weight, .lost = poisson.lost_mass() * (1.0 + 1e-9) + 1e-300};
}

SeriesWeights SeriesWeights::until_time(double mean, double cut_mass) {
  if (mean == 0.0) return {.first = 0, .weight = Vector::Zero(1)};
  const PoissonWeights poisson = poisson_weights(mean, cut_mass);
  SeriesWeights weights{.first = poisson.left, .weight = Vector(poisson.weight.size()), .before = 1.0};
  double mass = poisson.right_mass;
  for (Index k = poisson.weight.size(); k-- > 0;) {
    weights.weight(k) = mass;
    mass += poisson.weight(k);
  }
  const double ratio = mean / static_cast<double>(poisson.right() + 2);
  weights.lost = poisson.right_mass / (1.0 - ratio) + poisson.left_mass * static_cast<double>(poisson.left + 1);
  return weights;
}

double tick_rate(const PartialChain& part) {
  const double largest = part.exit_per_s().maxCoeff();
  return largest > 0.0 ? 1.02 * largest : 1.0;
}

namespace {

/// Terms >= 0.
SeriesSum sum_positive(const PartialChain& part, Vector first_term, double shift, const SeriesWeights& weights,
                       const std::vector<Index>& interest, const SeriesOptions& options) {
  SeriesSum result;
  result.method_requested = result.method_used = Method::kUniformization;
  Series series(part, std::move(first_term), shift, weights, options.threads);
  Index next_check = kProductsPerCheck;
  bool tight = false;
  while (!tight && series.term() <= series.last() && series.term() < options.max_products) {
    series.advance();
    if (series.term() < next_check || series.term() > series.last()) continue;
    series.enclose(result);
    next_check += std::max(kProductsPerCheck, series.term() / 64);
    tight = excess(result, interest, options) <= 0.5;
  }
  if (!tight) series.enclose(result);
  tight = tight || excess(result, interest, options) <= 1.0;
  result.iterations = series.term();
  result.termination = tight ? Termination::kConverged : Termination::kIterationLimit;
  result.message = fmt::format("{} of {} products", series.term(), series.last() + 1);
  return result;
}

/// f = f+ - f-, each on its own: needed only where a chain with negative rewards can be left.
SeriesSum sum_of_mixed_sign(const PartialChain& part, const Vector& first_term, const SeriesWeights& weights,
                            const std::vector<Index>& interest, const SeriesOptions& options) {
  SeriesOptions half = options;
  half.absolute_tolerance *= 0.5;
  half.relative_tolerance *= 0.5;
  SeriesSum result = sum_positive(part, first_term.cwiseMax(0.0), 0.0, weights, interest, half);
  const SeriesSum negative = sum_positive(part, (-first_term).cwiseMax(0.0), 0.0, weights, interest, half);
  result.lower -= negative.upper * (1.0 + 2.0 * kUnitRoundoff);
  result.upper -= negative.lower * (1.0 - 2.0 * kUnitRoundoff);
  result.iterations += negative.iterations;
  if (!negative.usable()) result.termination = negative.termination;
  return result;
}

}  // namespace

SeriesSum sum_series(const PartialChain& part, const Vector& first_term, const SeriesWeights& weights,
                     const std::vector<Index>& interest, const SeriesOptions& options) {
  const double lowest = first_term.minCoeff();
  SeriesSum result;
  if (part.closed()) {
    // y - lowest rounds once: within the first product's allowance for the entry, or in the shift.
    result = sum_positive(part, first_term.array() - lowest, lowest, weights, interest, options);
  } else if (lowest >= 0.0) {
    result = sum_positive(part, first_term, 0.0, weights, interest, options);
  } else {
    result = sum_of_mixed_sign(part, first_term, weights, interest, options);
  }
  double error = 0.0;
  for (const Index i : interest) error = std::max(error, 0.5 * (result.upper(i) - result.lower(i)));
  result.error_bound = std::nextafter(error, HUGE_VAL);
  return result;
}

}  // namespace windtunnel::solvers
