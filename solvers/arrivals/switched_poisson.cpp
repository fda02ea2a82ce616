// SPDX-License-Identifier: Apache-2.0
#include "solvers/arrivals/switched_poisson.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace windtunnel::solvers {

namespace {

void check_rate_and_scv(double rate_per_s, double scv) {
  if (!(rate_per_s > 0.0) || std::isinf(rate_per_s) || !(scv > 1.0) || std::isinf(scv))
    throw std::invalid_argument(fmt::format(
        "switched Poisson arrivals of rate {} /s and scv {}, expected above 0 and above 1", rate_per_s, scv));
}

}  // namespace

double SwitchedPoisson::rate_variance() const {
  const double busy = busy_ratio(), gap = busy_per_s - calm_per_s;
  return busy * (1.0 - busy) * gap * gap;
}

MarkovianArrivals arrivals_of(const SwitchedPoisson& x) {
  Matrix switching(2, 2);
  switching << 0.0, x.calm_end_per_s, x.busy_end_per_s, 0.0;
  return switched_poisson_arrivals(switching, (Vector(2) << x.calm_per_s, x.busy_per_s).finished());
}

SwitchedPoisson thinned(const SwitchedPoisson& x, double keep_probability) {
  if (!(keep_probability > 0.0 && keep_probability <= 1.0))
    throw std::invalid_argument(fmt::format("keep_probability {}, expected above 0 and at most 1", keep_probability));
  return {keep_probability * x.calm_per_s, keep_probability * x.busy_per_s, x.calm_end_per_s, x.busy_end_per_s};
}

SwitchedPoisson faster(const SwitchedPoisson& x, double factor) {
  if (!(factor > 0.0) || std::isinf(factor))
    throw std::invalid_argument(fmt::format("factor {}, expected a finite number > 0", factor));
  return {factor * x.calm_per_s, factor * x.busy_per_s, factor * x.calm_end_per_s, factor * x.busy_end_per_s};
}

double grown_ratio(double x) {
  return x < 1e-4 ? 0.5 * x : 1.0 + std::expm1(-x) / x;
}

// The rate has covariance rate_variance exp(-forget t), integrated twice over the window.
double count_dispersion(const SwitchedPoisson& x, double seconds) {
  return 1.0 + (index_of_dispersion(x) - 1.0) * grown_ratio(x.forget_per_s() * seconds);
}

double index_of_dispersion(const SwitchedPoisson& x) {
  return 1.0 + 2.0 * x.rate_variance() / (x.rate_per_s() * x.forget_per_s());
}

// Without an arrival the phases move by D0 = {{-l1 - a, a}, {b, -l2 - b}}, whose eigenvalues m +- q are real; in its
// powers, exp(D0 t) = exp(m t) (cosh(q t) I + sinh(q t) / q (D0 - m I)).
double gap_survival(const SwitchedPoisson& x, double seconds) {
  const double first = -x.calm_per_s - x.calm_end_per_s, second = -x.busy_per_s - x.busy_end_per_s;
  const double m = 0.5 * (first + second), half = 0.5 * (first - second);
  const double q = std::sqrt(half * half + x.calm_end_per_s * x.busy_end_per_s);
  const double busy = x.busy_ratio() * x.busy_per_s / x.rate_per_s();
  const double drift = -(1.0 - busy) * x.calm_per_s - busy * x.busy_per_s - m;
  const double slow = std::exp((m + q) * seconds), fast = std::exp((m - q) * seconds);
  return 0.5 * (slow + fast) + 0.5 * (slow - fast) * drift / q;
}

// Rates l +- d, both phases ended at s per second: I - 1 = d^2 / (l s), and I = scv + g (scv - 1) with g = (l^2 - d^2)
// / (2 l s), so s = l / (2 g + I - 1). The decay of the correlations is g / (1 + g).
SwitchedPoisson switched_by_dispersion(double rate_per_s, double scv, double index_of_dispersion) {
  check_rate_and_scv(rate_per_s, scv);
  if (!(index_of_dispersion >= scv) || std::isinf(index_of_dispersion))
    throw std::invalid_argument(
        fmt::format("index of dispersion {}, expected at least the scv {}", index_of_dispersion, scv));
  const double g = (index_of_dispersion - scv) / (scv - 1.0), excess = index_of_dispersion - 1.0;
  const double end = rate_per_s / (2.0 * g + excess);
  const double busy = rate_per_s + std::sqrt(excess * rate_per_s * end);
  // (l - d)(l + d) = 2 l s g: the calm rate without cancellation.
  return {2.0 * rate_per_s * end * g / busy, busy, end, end};
}

SwitchedPoisson switched_by_correlation(double rate_per_s, double scv, double lag1_correlation) {
  check_rate_and_scv(rate_per_s, scv);
  const double bound = 0.5 * (scv - 1.0) / scv;
  if (!(lag1_correlation >= 0.0 && lag1_correlation < bound))
    throw std::invalid_argument(fmt::format("correlation {}, expected from 0 to below {}", lag1_correlation, bound));
  const double decay = lag1_correlation / bound;
  return switched_by_dispersion(rate_per_s, scv, scv + (scv - 1.0) * decay / (1.0 - decay));
}

SwitchedPoisson switched_by_variance(double rate_per_s, double rate_variance, double forget_per_s) {
  if (!(rate_per_s > 0.0 && rate_variance > 0.0 && forget_per_s > 0.0) ||
      std::isinf(rate_per_s + rate_variance + forget_per_s))
    throw std::invalid_argument(fmt::format("switched Poisson arrivals of rate {} /s, variance {} and forgetting {} /s",
                                            rate_per_s, rate_variance, forget_per_s));
  const double scv = rate_variance / (rate_per_s * rate_per_s);
  // Calm without arrivals: busy (1 - busy) (rate / busy)^2 = variance.
  const double busy = scv <= 1.0 ? 0.5 : 1.0 / (1.0 + scv);
  const double deviation = std::sqrt(rate_variance);
  return {std::max(0.0, rate_per_s - deviation * std::sqrt(busy / (1.0 - busy))),
          rate_per_s + deviation * std::sqrt((1.0 - busy) / busy), busy * forget_per_s, (1.0 - busy) * forget_per_s};
}

}  // namespace windtunnel::solvers
