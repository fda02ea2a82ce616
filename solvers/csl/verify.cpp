// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/verify.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace windtunnel::solvers {
namespace {

constexpr long double u = 0.5L * std::numeric_limits<long double>::epsilon();

struct Bounds {
  long double lower = 0.0L;
  long double upper = 0.0L;
};

/// reward + sum of rate (f_j - f_i). Each term rounds by 4 u of what it is made of, each addition by u of the sum.
template <typename Function>
Bounds drift(const Generator& q, Index i, long double reward, const Function& difference) {
  long double sum = reward;
  long double size = std::abs(reward);
  for (const auto [to, rate] : q.outgoing().row(i)) {
    const long double term = static_cast<long double>(rate) * difference(to, i);
    sum += term;
    size += std::abs(term);
  }
  const long double rounding = static_cast<long double>(q.outgoing().row(i).size() + 8) * u * size;
  return {sum - rounding, sum + rounding};
}

double below(long double x) {
  return std::nextafter(static_cast<double>(x), -HUGE_VAL);
}
double above(long double x) {
  return std::nextafter(static_cast<double>(x), HUGE_VAL);
}

}  // namespace

Interval verify(const Generator& q, const Certificate& certificate, Index state) {
  const auto worth = [&](Index to, Index from) {
    const PreciseVector& h = certificate.worth;
    const long double high = static_cast<long double>(h.high(to)) - h.high(from);
    return high + (static_cast<long double>(h.low(to)) - h.low(from));
  };
  const auto time = [&](Index to, Index from) {
    return static_cast<long double>(certificate.exit_time(to)) - certificate.exit_time(from);
  };
  Bounds average{HUGE_VAL, -HUGE_VAL};
  long double ratio = 0.0L;
  for (Index i = 0; i < q.states(); ++i) {
    if (!certificate.states[static_cast<std::size_t>(i)]) continue;
    const Bounds left = drift(q, i, certificate.reward_per_s(i), worth);
    if (certificate.kind == Certificate::Kind::kAverage) {
      for (const auto [to, rate] : q.outgoing().row(i)) {
        if (!certificate.states[static_cast<std::size_t>(to)]) return {-HUGE_VAL, HUGE_VAL};  // not closed
      }
      average = {std::min(average.lower, left.lower), std::max(average.upper, left.upper)};
      continue;
    }
    const Bounds decrease = drift(q, i, 0.0L, time);
    if (!(decrease.upper < 0.0L) || !(certificate.exit_time(i) > 0.0)) return {-HUGE_VAL, HUGE_VAL};
    ratio = std::max(ratio, std::max(-left.lower, left.upper) / -decrease.upper);
  }
  if (certificate.kind == Certificate::Kind::kAverage) return {below(average.lower), above(average.upper)};
  const long double middle = static_cast<long double>(certificate.worth.high(state)) + certificate.worth.low(state);
  const long double error = ratio * certificate.exit_time(state) * (1.0L + 8.0L * u) + 2.0L * u * std::abs(middle);
  return {below(middle - error), above(middle + error)};
}

}  // namespace windtunnel::solvers
