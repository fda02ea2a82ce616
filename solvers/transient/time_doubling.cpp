// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/time_doubling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "solvers/numerics/fixed_point_matrix.h"

namespace windtunnel::solvers {
namespace {

constexpr Index kMaxStates = 500;
// The shortest time, times the largest exit rate, is at most this: 18 terms of the exponential series leave out 2^-120.
constexpr double kShift = 0x1p-4;
// Bits of the result beyond those that k squarings and the sums over a row use up: at least so many, and where an error
// of 2^-b of the range of the rewards is wanted b and some that the terms of the series use up.
constexpr int kResultBits = 64;
constexpr int kSpareBits = 16;
// Twelve digits of a small matrix.
constexpr int kMaxBits = 260;

int squarings(const PartialChain& part, double time_s) {
  const double ticks = time_s * part.exit_per_s().maxCoeff() * (1.0 + 0x1p-40) / kShift;
  return ticks <= 1.0 ? 0 : static_cast<int>(std::ceil(std::log2(ticks)));
}

/// `error_ratio`: error wanted over the range of the rewards.
int bits_for(Index size, int doublings, double error_ratio) {
  const double wanted = std::clamp(-std::log2(error_ratio), 0.0, static_cast<double>(kMaxBits));
  const int result = std::max(kResultBits, kSpareBits + static_cast<int>(std::ceil(wanted)));
  return std::min(kMaxBits, result + doublings + static_cast<int>(std::ceil(std::log2(static_cast<double>(size)))));
}

/// a / b, relative error below 2^-102.
DoubleDouble quotient(DoubleDouble a, double b) {
  const double first = a.high / b;
  const DoubleDouble rest = a - two_product(first, b);
  return fast_two_sum(first, (rest.high + rest.low) / b);
}

DoubleDouble lowered(DoubleDouble value) {
  const DoubleDouble lower = value + DoubleDouble{-0x1p-100, 0.0};
  return lower.high > 0.0 ? lower : DoubleDouble{};
}

/// Terms of the exponential series of a matrix of norm kShift until the rest is below 2^-bits.
int terms_for(int bits) {
  double rest = std::ldexp(1.0, bits);
  int terms = 0;
  while (rest > 1.0) rest *= kShift / static_cast<double>(++terms);
  return terms;
}

/// Lower bound of 1 + x / (first (first + 1)) (1 + x / ((first + 2) (first + 3)) (1 + ...)): hyperbolic cosine and
/// sine of the root of x, without subtraction.
FixedPointMatrix every_other_term(const FixedPointMatrix& format, const FixedPointMatrix& x, int first, int terms) {
  FixedPointMatrix sum = format.scalar();
  sum.add_identity();
  for (int k = first + 2 * terms; k >= first; k -= 2) {
    sum = sum.times(x);
    sum.divide(k * (k + 1));
    sum.add_identity();
  }
  return sum;
}

/// Lower bound of e^-kShift = cosh - sinh.
FixedPointMatrix shift_factor(const FixedPointMatrix& format, int terms) {
  FixedPointMatrix shift = format.scalar();
  shift.add(0, 0, {kShift, 0.0});
  const FixedPointMatrix square = shift.times(shift);
  FixedPointMatrix factor = every_other_term(format, square, 1, terms / 2 + 1);
  const FixedPointMatrix sinh = shift.times(every_other_term(format, square, 2, terms / 2 + 1));
  // Each step of the sine loses at most 4 units per digit, and what it lost before shrinks: below 100 x 52 in all.
  factor.subtract(sinh, 8192);
  return factor;
}

/// What the matrix is made of: the states, then where the part can be left the target and the rest outside, together a
/// closed chain, and for an integral two columns that collect reward and its complement to the largest reward.
struct Layout {
  Index states = 0;
  Index chain = 0;
  Index size = 0;

  Index target() const { return states; }
  Index outside() const { return states + 1; }
};

Layout layout_of(const PartialChain& part, bool integral) {
  const Index chain = part.states() + (part.closed() ? 0 : 2);
  return {part.states(), chain, chain + (integral ? 2 : 0)};
}

StateSet set_of_members(const PartialChain& part) {
  StateSet members(static_cast<std::size_t>(part.whole().states()), false);
  for (Index k = 0; k < part.states(); ++k) members[static_cast<std::size_t>(part.member(k))] = true;
  return members;
}

/// step_s * Q + kShift on the diagonal, every entry >= 0.
void fill_chain(const PartialChain& part, const StateSet& target, const Layout& layout, double step_s,
                FixedPointMatrix& matrix) {
  const StateSet members = set_of_members(part);
  for (Index k = 0; k < layout.states; ++k) {
    matrix.add(k, k, {kShift, 0.0});
    for (const auto [to, rate] : part.rates().row(k)) matrix.add(k, to, two_product(step_s, rate));
    for (const auto [to, rate] : part.whole().outgoing().row(part.member(k))) {
      const DoubleDouble probability = two_product(step_s, rate);
      const auto at = static_cast<std::size_t>(to);
      matrix.subtract(k, k, probability);
      if (members[at]) continue;
      matrix.add(k, !target.empty() && target[at] ? layout.target() : layout.outside(), probability);
    }
  }
  for (Index i = layout.states; i < layout.size; ++i) matrix.add(i, i, {kShift, 0.0});
}

/// Lower bound of e^(step Q), by Horner's rule for the exponential series of the shifted matrix.
FixedPointMatrix exponential(const FixedPointMatrix& shifted, int terms) {
  FixedPointMatrix sum = shifted;
  sum.divide(terms);
  sum.add_identity();
  for (int k = terms - 1; k >= 1; --k) {
    sum = shifted.times(sum);
    if (k > 1) sum.divide(k);
    sum.add_identity();
  }
  sum.scale(shift_factor(shifted, terms));
  return sum;
}

FixedPointMatrix doubled(FixedPointMatrix matrix, int times) {
  for (int k = 0; k < times; ++k) matrix = matrix.times(matrix);
  return matrix;
}

/// How a matrix of `size` is raised to the time.
struct Plan {
  int doublings = 0;
  int bits = 0;
  int terms = 0;

  int products() const { return doublings + terms - 1; }
};

Plan plan_for(const PartialChain& part, Index size, double time_s, double error_ratio = 1.0) {
  Plan plan;
  plan.doublings = squarings(part, time_s);
  plan.bits = bits_for(size, plan.doublings, error_ratio);
  plan.terms = terms_for(plan.bits);
  return plan;
}

SeriesSum started(const Layout& layout, const Plan& plan) {
  SeriesSum result;
  result.method_requested = result.method_used = Method::kDoubling;
  result.iterations = plan.products();
  result.lower = result.upper = Vector::Zero(layout.states);
  result.termination = Termination::kConverged;
  result.message = fmt::format("{} squarings of a matrix of {} states", plan.doublings, layout.chain);
  return result;
}

}  // namespace

double doubling_operations(const PartialChain& part, double time_s) {
  const Index size = part.states() + 3;
  if (part.states() > kMaxStates) return HUGE_VAL;
  const Plan plan = plan_for(part, size, time_s);
  const double products = plan.products() * FixedPointMatrix::plain_products(size, plan.bits);
  return products * std::pow(static_cast<double>(size), 3);
}

SeriesSum value_by_doubling(const PartialChain& part, const Vector& reward, const StateSet& target, double time_s,
                            double wanted) {
  const Layout layout = layout_of(part, false);
  // The target is worth 1, the rest outside 0.
  const double least = std::min(reward.minCoeff(), 0.0);
  const double most = std::max(reward.maxCoeff(), target.empty() ? 0.0 : 1.0);
  const Plan plan = plan_for(part, layout.size, time_s, wanted / (most - least));
  FixedPointMatrix shifted(layout.size, plan.bits);
  fill_chain(part, target, layout, std::ldexp(time_s, -plan.doublings), shifted);
  shifted.normalise();
  const FixedPointMatrix probability = doubled(exponential(shifted, plan.terms), plan.doublings);

  SeriesSum result = started(layout, plan);
  for (Index i = 0; i < layout.states; ++i) {
    const double missing = probability.missing_from_one(i, 0, layout.chain);
    double sum = target.empty() || part.closed() ? 0.0 : probability.at(i, layout.target());
    double size = sum;
    for (Index j = 0; j < layout.states; ++j) {
      const double term = probability.at(i, j) * reward(j);
      sum += term;
      size += std::abs(term);
    }
    // An entry is rounded by 2^-49 of itself at most, a term and the sum by one unit roundoff per state.
    const double rounding = size * (0x1p-48 + 0x1p-52 * static_cast<double>(layout.states));
    result.lower(i) = sum - rounding + missing * least * (1.0 + 0x1p-50);
    result.upper(i) = sum + rounding + missing * most * (1.0 + 0x1p-50);
  }
  return result;
}

SeriesSum integral_by_doubling(const PartialChain& part, const Vector& reward_per_s, double time_s, double wanted) {
  const Layout layout = layout_of(part, true);
  const double outside = part.closed() ? reward_per_s(0) : 0.0;
  const double least = std::min(reward_per_s.minCoeff(), outside);
  const double range = std::nextafter(std::max(reward_per_s.maxCoeff(), outside) - least, HUGE_VAL);
  const Plan plan = plan_for(part, layout.size, time_s, wanted / (range * time_s));
  FixedPointMatrix shifted(layout.size, plan.bits);
  const double step = std::ldexp(1.0, -plan.doublings);  // in units of time_s
  fill_chain(part, {}, layout, std::ldexp(time_s, -plan.doublings), shifted);

  for (Index i = 0; i < layout.chain; ++i) {
    const DoubleDouble share = quotient(two_sum(i < layout.states ? reward_per_s(i) : 0.0, -least), range);
    // A power of two times a number is exact. A quotient is known to 2^-102.
    shifted.add(i, layout.chain, lowered(share) * step);
    shifted.add(i, layout.chain + 1, lowered(DoubleDouble{1.0, 0.0} - share) * step);
  }
  shifted.normalise();
  const FixedPointMatrix sums = doubled(exponential(shifted, plan.terms), plan.doublings);

  SeriesSum result = started(layout, plan);
  for (Index i = 0; i < layout.states; ++i) {
    const double share = sums.at(i, layout.chain);
    const double missing = sums.missing_from_one(i, layout.chain, 2);
    const double scale = range * time_s;
    const double fixed = least * time_s;
    const double rounding = (scale * share + std::abs(fixed)) * 0x1p-48;
    result.lower(i) = fixed + scale * share - rounding;
    result.upper(i) = fixed + scale * share + rounding + scale * missing * (1.0 + 0x1p-48);
  }
  return result;
}

}  // namespace windtunnel::solvers
