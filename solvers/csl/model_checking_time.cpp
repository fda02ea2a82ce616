// SPDX-License-Identifier: Apache-2.0
// What happens within, at or from a time on.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "solvers/csl/state_answers.h"
#include "solvers/transient/implicit_transient.h"
#include "solvers/transient/poisson_series.h"
#include "solvers/transient/time_doubling.h"

namespace windtunnel::solvers {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What is asked of the states of a part: `first_term` at, or earned until, time_s. A passage is asked in two ways that
/// are worth the same: as what arrives per second until time_s, or as being in `target` at time_s.
struct Inside {
  const PartialChain& part;
  Vector first_term;
  bool at_time = false;
  double time_s = 0.0;
  const StateSet& target;
};

// A plain multiplication of a dense product costs about as much as a third of one in a sparse product.
constexpr double kDenseAdvantage = 0.3;
// Of a series that may stop early: so many products cost about as much as the linear systems of implicit steps.
constexpr double kMaxTrialProducts = 5e4;
constexpr double kLeastTrialOperations = 3e8;
// A linear system costs about as much as so many products.
constexpr double kProductsPerSystem = 300.0;
// Of what nobody else can answer: a minute for 1e5 transitions.
constexpr double kMaxSeriesOperations = 1e11;
// Weights of more ticks do not fit the memory; nor would they be reached.
constexpr double kMaxTicks = 1e12;

// A series may stop early; one so much longer than what is allowed is not begun.
constexpr double kMaxDetour = 1e4;

double product_operations(const PartialChain& part) {
  return static_cast<double>(part.rates().size() + 2 * part.states());
}

// Of the error that is wanted, for what is cut; less mass than the least is not worth an underflow.
constexpr double kShareOfCut = 1e-3;
constexpr double kLeastCutMass = 1e-100;

/// Poisson mass that may be cut where the terms are as large as the first.
double cut_mass(const Inside& inside, double ticks, double wanted) {
  const double largest = inside.first_term.lpNorm<Eigen::Infinity>() * (inside.at_time ? 1.0 : std::max(1.0, ticks));
  return std::clamp(kShareOfCut * wanted / largest, kLeastCutMass, SeriesWeights::kCutMass);
}

SeriesSum by_series(const Inside& inside, const std::vector<Index>& asked, double max_operations,
                    const CheckOptions& options) {
  const PartialChain& part = inside.part;
  const double rate = tick_rate(part);
  const double ticks = rate * inside.time_s;
  const double row_operations = product_operations(part);
  SeriesSum sum;
  sum.termination = Termination::kIterationLimit;
  sum.lower = Vector::Constant(part.states(), -kInfinity);
  sum.upper = Vector::Constant(part.states(), kInfinity);
  sum.message = fmt::format("uniformization takes {:.3g} products", ticks);
  if (ticks > kMaxTicks || ticks * row_operations > kMaxDetour * max_operations) return sum;
  const double unit = inside.at_time ? 1.0 : rate;
  const double cut = cut_mass(inside, ticks, options.absolute_tolerance * unit);
  const SeriesWeights weights =
      inside.at_time ? SeriesWeights::at_time(ticks, cut) : SeriesWeights::until_time(ticks, cut);
  sum = sum_series(part, inside.first_term, weights, asked,
                   {.absolute_tolerance = options.absolute_tolerance * unit,
                    .relative_tolerance = options.relative_tolerance,
                    .max_products = static_cast<long long>(std::max(1000.0, max_operations / row_operations)),
                    .threads = options.threads});
  sum.lower /= unit;
  sum.upper /= unit;
  return sum;
}

SeriesSum by_doubling(const Inside& inside, double wanted) {
  if (inside.at_time) return value_by_doubling(inside.part, inside.first_term, {}, inside.time_s, wanted);
  if (inside.target.empty()) return integral_by_doubling(inside.part, inside.first_term, inside.time_s, wanted);
  return value_by_doubling(inside.part, Vector::Zero(inside.part.states()), inside.target, inside.time_s, wanted);
}

SeriesSum by_implicit_steps(const Inside& inside, const std::vector<Index>& asked, const CheckOptions& options) {
  const PartialChain& part = inside.part;
  const ImplicitOptions wanted{.absolute_tolerance = options.absolute_tolerance,
                               .relative_tolerance = options.relative_tolerance,
                               .max_systems = static_cast<long long>(std::max(
                                   500.0, kMaxSeriesOperations / kProductsPerSystem / product_operations(part)))};
  if (inside.at_time) return value_by_implicit_steps(part, inside.first_term, inside.time_s, asked, wanted);
  if (inside.target.empty()) return integral_by_implicit_steps(part, inside.first_term, inside.time_s, asked, wanted);
  return passage_by_implicit_steps(part, inside.target, inside.time_s, asked, wanted);
}

/// Of the answer in a state, as far as it is known.
double allowed_error(const SeriesSum& sum, Index state, const CheckOptions& options) {
  const double size = std::min(std::abs(sum.lower(state)), std::abs(sum.upper(state)));
  const bool known = std::isfinite(size) && sum.lower(state) * sum.upper(state) > 0.0;
  return std::max(options.absolute_tolerance, known ? options.relative_tolerance * size : 0.0);
}

double least_allowed_error(const SeriesSum& sum, const std::vector<Index>& asked, const CheckOptions& options) {
  double least = HUGE_VAL;
  for (const Index i : asked) least = std::min(least, allowed_error(sum, i, options));
  return least;
}

bool close_enough(const SeriesSum& sum, const std::vector<Index>& asked, const CheckOptions& options) {
  return std::all_of(asked.begin(), asked.end(),
                     [&](Index i) { return 0.5 * (sum.upper(i) - sum.lower(i)) <= allowed_error(sum, i, options); });
}

/// What two methods prove together, and the work of both.
void combine(const SeriesSum& other, const std::vector<Index>& asked, const CheckOptions& options, SeriesSum& sum) {
  sum.iterations += other.iterations;
  sum.method_used = other.method_used;
  sum.message = other.message;
  sum.lower = sum.lower.cwiseMax(other.lower);
  sum.upper = sum.upper.cwiseMin(other.upper);
  sum.termination = close_enough(sum, asked, options) ? Termination::kConverged : other.termination;
  if (!close_enough(sum, asked, options) && sum.usable()) sum.termination = Termination::kIterationLimit;
}

/// By series unless that takes long: then by implicit steps, which a smooth solution makes few of; and if they prove
/// too little by squaring matrices, or else by as much of the series as there is patience for.
SeriesSum sum_of(const Inside& inside, const std::vector<Index>& asked, const CheckOptions& options) {
  const double dense = kDenseAdvantage * doubling_operations(inside.part, inside.time_s);
  const double trial = std::max(kLeastTrialOperations, kMaxTrialProducts * product_operations(inside.part));
  SeriesSum sum = by_series(inside, asked, std::min({dense, trial, kMaxSeriesOperations}), options);
  if (sum.usable()) return sum;
  combine(by_implicit_steps(inside, asked, options), asked, options, sum);
  if (sum.usable()) return sum;
  if (std::isinf(dense)) {
    combine(by_series(inside, asked, kMaxSeriesOperations, options), asked, options, sum);
  } else {
    combine(by_doubling(inside, least_allowed_error(sum, asked, options)), asked, options, sum);
  }
  return sum;
}

/// Sums over the states of `open` that can be reached from `interest`; elsewhere the answer stays as it is.
void sum_inside(const Generator& q, const StateSet& open, const Vector& first_term, bool at_time, double time_s,
                const StateSet& target, const std::vector<Index>& interest, const CheckOptions& options,
                StateAnswer& answer) {
  const std::vector<Index> inside = listed(reachable_through(q, interest, open));
  if (inside.empty()) return;
  const PartialChain part(q, inside);
  std::vector<Index> asked;
  for (const Index i : interest) {
    const auto found = std::lower_bound(inside.begin(), inside.end(), i);
    if (found != inside.end() && *found == i) asked.push_back(found - inside.begin());
  }
  const SeriesSum sum = sum_of({part, part.part_of(first_term), at_time, time_s, target}, asked, options);
  account(sum, answer);
  for (std::size_t k = 0; k < inside.size(); ++k) {
    const auto at = static_cast<Index>(k);
    answer.lower(inside[k]) = std::nextafter(sum.lower(at), -kInfinity);
    answer.upper(inside[k]) = std::nextafter(sum.upper(at), kInfinity);
  }
}

Vector rate_into(const Generator& q, const StateSet& set) {
  Vector rate_per_s = Vector::Zero(q.states());
  for (Index i = 0; i < q.states(); ++i) {
    for (const auto [to, rate] : q.outgoing().row(i)) {
      if (set[static_cast<std::size_t>(to)]) rate_per_s(i) += rate;
    }
  }
  return rate_per_s;
}

/// left U[0, duration] right: each tick adds what arrives then, which takes no subtraction.
StateAnswer until_within(const Generator& q, const StateSet& left, const StateSet& right, double duration_s,
                         const std::vector<Index>& interest, const CheckOptions& options) {
  StateAnswer answer = constant_answer(q.states(), 0.0);
  answer.lower = answer.upper = indicator(right);
  StateSet open(left.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = left[i] && !right[i];
  if (duration_s > 0.0) sum_inside(q, open, rate_into(q, right), false, duration_s, right, interest, options, answer);
  return answer;
}

}  // namespace

StateAnswer until_probability(const Generator& q, const PathFormula& path, const std::vector<Index>& interest,
                              const CheckOptions& options) {
  const TimeInterval& time = path.time;
  // When the until begins later, the states where it may begin are asked about.
  std::vector<Index> start = interest;
  CheckOptions own = options;
  if (time.lower_s > 0.0) {
    start = listed(reachable_through(q, interest, path.left));
    own.absolute_tolerance *= 0.5;
    // What is likely in a state that is not may count next to nothing in the answer: no error relative to it will do.
    own.relative_tolerance = std::min(0.5 * own.relative_tolerance, own.absolute_tolerance);
  }
  const double duration_s = time.upper_s - time.lower_s;
  StateAnswer later = std::isinf(time.upper_s) ? unbounded_until(q, path.left, path.right, start, own)
                                               : until_within(q, path.left, path.right, duration_s, start, own);
  if (time.lower_s == 0.0) return later;
  StateAnswer answer = constant_answer(q.states(), 0.0);
  account(later, answer);
  later.lower = later.lower.cwiseMax(0.0);
  later.upper = later.upper.cwiseMin(1.0);
  const Vector middle = 0.5 * (later.lower + later.upper);
  double widest = 0.0;
  for (const Index i : start) widest = std::max(widest, 0.5 * (later.upper(i) - later.lower(i)));
  sum_inside(q, path.left, middle, true, time.lower_s, {}, interest, own, answer);
  for (const Index i : start) {
    answer.lower(i) -= widest * (1.0 + 1e-9);
    answer.upper(i) += widest * (1.0 + 1e-9);
  }
  return answer;
}

StateAnswer next_probability(const LabelledChain& chain, const PathFormula& path) {
  const Generator& q = chain.generator;
  StateAnswer answer = constant_answer(q.states(), 0.0);
  const Vector into = rate_into(q, path.right);
  for (Index i = 0; i < q.states(); ++i) {
    const double loop = chain.self_loop_rate_per_s.size() > 0 ? chain.self_loop_rate_per_s(i) : 0.0;
    const double exit = q.exit_rate(i) + loop;
    if (exit == 0.0) continue;
    const double share = (into(i) + (path.right[static_cast<std::size_t>(i)] ? loop : 0.0)) / exit;
    const double begun = std::exp(-exit * path.time.lower_s);
    const double length = exit * (path.time.upper_s - path.time.lower_s);
    const double within = std::isinf(path.time.upper_s) ? 1.0 : -std::expm1(-length);
    const double value = share * begun * within;
    // A rounding per rate, two per elementary function, and the exponent's own.
    const double roundings = static_cast<double>(q.outgoing().row(i).size()) + 12.0 + 2.0 * exit * path.time.lower_s;
    const double exactly = share == 0.0 || (share == 1.0 && path.time.unbounded());
    const double error = exactly != 0.0 ? 0.0 : value * roundings * 0x1p-52;
    answer.lower(i) = value - error;
    answer.upper(i) = value + error;
  }
  return answer;
}

StateAnswer reward_at(const Generator& q, const Vector& reward, double time_s, const std::vector<Index>& interest,
                      const CheckOptions& options) {
  StateAnswer answer = constant_answer(q.states(), 0.0);
  answer.lower = answer.upper = reward;
  const StateSet everywhere(static_cast<std::size_t>(q.states()), true);
  if (time_s > 0.0) sum_inside(q, everywhere, reward, true, time_s, {}, interest, options, answer);
  return answer;
}

StateAnswer reward_within(const Generator& q, const Vector& reward_per_s, double time_s,
                          const std::vector<Index>& interest, const CheckOptions& options) {
  StateAnswer answer = constant_answer(q.states(), 0.0);
  const StateSet everywhere(static_cast<std::size_t>(q.states()), true);
  if (time_s > 0.0) sum_inside(q, everywhere, reward_per_s, false, time_s, {}, interest, options, answer);
  return answer;
}

}  // namespace windtunnel::solvers
