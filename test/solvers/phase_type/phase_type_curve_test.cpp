// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type_curve.h"

#include <cmath>
#include <vector>

#include "solvers/numerics/poisson_expectation.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

// P(Erlang(k, rate) > t) = sum over j < k of Poisson(j; rate t), in long double so that it is an oracle.
double erlang_survival(int phases, double rate, double t) {
  const long double lambda = static_cast<long double>(rate) * t;
  long double total = 0.0L;
  for (int j = 0; j < phases; ++j) total += std::exp(j * std::log(lambda) - lambda - std::lgamma(1.0L + j));
  return static_cast<double>(total);
}

// The lower tail summed from its first term: Poisson(j; rate t), j >= k.
double erlang_cdf(int phases, double rate, double t) {
  const long double lambda = static_cast<long double>(rate) * t;
  long double total = 0.0L, term = std::exp(phases * std::log(lambda) - lambda - std::lgamma(1.0L + phases));
  for (int j = phases; term > 1e-30L * total; ++j, term *= lambda / j) total += term;
  return static_cast<double>(total);
}

}  // namespace

TEST_CASE("The Poisson mode has the probability that log-gamma says", "[solvers][phase_type]") {
  const double lambda = GENERATE(0.3, 1.0, 15.99, 16.0, 17.5, 1234.5, 9.9e5);
  const long double mode = std::floor(lambda);
  const long double exact =
      std::exp(mode * std::log(static_cast<long double>(lambda)) - lambda - std::lgamma(mode + 1.0L));
  // Long double leaves 1e6 * log(1e6) * 5e-20 = 1e-12 at the largest.
  CHECK(poisson_mode_probability(lambda) == Approx(static_cast<double>(exact)).epsilon(2e-12));
}

TEST_CASE("Erlang tails keep their digits on both sides", "[solvers][phase_type]") {
  const int phases = GENERATE(1, 2, 10, 50);
  PhaseTypeCurve curve(erlang(phases, 3.0));
  for (const double t : {1e-3, 0.1, 1.0, 10.0, 16.7, 40.0, 100.0}) {
    CHECK(curve.survival(t) == Approx(erlang_survival(phases, 3.0, t)).epsilon(1e-12));
    CHECK(curve.cdf(t) == Approx(erlang_cdf(phases, 3.0, t)).epsilon(1e-12));
    const double density = 3.0 * std::exp((phases - 1) * std::log(3.0 * t) - 3.0 * t - std::lgamma(phases));
    CHECK(curve.density_per_s(t) == Approx(density).epsilon(1e-11));
  }
}

TEST_CASE("Hyperexponential survival is a sum of exponentials, however unequal the rates", "[solvers][phase_type]") {
  // From 1e6 on the jumps by t = 20 number more than 4 million and scaling and squaring takes over.
  const double fast = GENERATE(2.0, 1e3, 1e6);
  PhaseTypeCurve curve(hyperexponential(std::vector{0.75, 0.25}, std::vector{fast, 0.5}));
  for (const double t : {1e-7, 0.01, 1.0, 20.0}) {
    const double exact = 0.75 * std::exp(-fast * t) + 0.25 * std::exp(-0.5 * t);
    CHECK(curve.survival(t) == Approx(exact).epsilon(1e-9));
    CHECK(curve.cdf(t) == Approx(-0.75 * std::expm1(-fast * t) - 0.25 * std::expm1(-0.5 * t)).epsilon(1e-9));
    CHECK(curve.density_per_s(t) ==
          Approx(0.75 * fast * std::exp(-fast * t) + 0.125 * std::exp(-0.5 * t)).epsilon(1e-9));
  }
}

TEST_CASE("F and survival add to one, F never falls, the density is its slope", "[solvers][phase_type]") {
  const double scv = GENERATE(0.001, 0.02, 0.3, 0.9, 1.0, 4.0, 100.0);
  PhaseTypeCurve curve(fit_phase_type(2.0, scv));
  double previous = 0.0;
  for (double t = 0.0; t < 8.0; t += 0.0625) {
    const double cdf = curve.cdf(t);
    CHECK(cdf >= previous * (1.0 - 1e-14));  // rounding of a sum of about 100 terms
    CHECK(cdf + curve.survival(t) == Approx(1.0).epsilon(1e-13));
    previous = cdf;
  }
  const double t = curve.quantile_s(0.6), h = 1e-4 * (t - curve.duration().shift_s());
  // Central difference: error h^2 f'' / 6, below 1e-6 of f here.
  CHECK(curve.density_per_s(t) == Approx((curve.cdf(t + h) - curve.cdf(t - h)) / (2.0 * h)).epsilon(1e-6));
}

TEST_CASE("Quantiles invert the distribution", "[solvers][phase_type]") {
  const double scv = GENERATE(0.0001, 0.02, 0.07, 0.5, 1.0, 3.0, 100.0);
  PhaseTypeCurve curve(fit_phase_type(0.004, scv));
  for (const double p : {1e-9, 1e-3, 0.25, 0.5, 0.9, 0.999, 1.0 - 1e-9}) {
    const double q = curve.quantile_s(p);
    CHECK(curve.cdf(q) == Approx(p).epsilon(1e-10));
  }
  for (const double p : {1e-100, 1e-12, 0.01, 0.7})
    CHECK(curve.survival(curve.upper_quantile_s(p)) == Approx(p).epsilon(1e-9));
}

TEST_CASE("Exponential quantiles are logarithms to 1e-12", "[solvers][phase_type]") {
  PhaseTypeCurve curve(shifted(exponential(5.0), 1.0));
  for (const double p : {1e-12, 0.1, 0.5, 0.99})
    CHECK(curve.quantile_s(p) - 1.0 == Approx(-std::log1p(-p) / 5.0).epsilon(1e-12).margin(3e-16));
  CHECK(curve.upper_quantile_s(1e-200) == Approx(1.0 + std::log(1e200) / 5.0).epsilon(1e-12));
}

TEST_CASE("Constants and atoms jump", "[solvers][phase_type]") {
  PhaseTypeCurve fixed(constant(3.0));
  CHECK(fixed.cdf(2.999) == 0.0);
  CHECK(fixed.cdf(3.0) == 1.0);
  CHECK(fixed.survival(3.0) == 0.0);
  CHECK(fixed.quantile_s(0.3) == 3.0);
  PhaseTypeCurve rare(
      PhaseType(1.0, Eigen::VectorXd::Constant(1, 0.25), PhaseType::Rates(1, 1), Eigen::VectorXd::Constant(1, 2.0)));
  CHECK(rare.cdf(1.0) == Approx(0.75));
  CHECK(rare.quantile_s(0.75) == 1.0);
  CHECK(rare.quantile_s(0.9) == Approx(1.0 + std::log(2.5) / 2.0).epsilon(1e-12));
}

TEST_CASE("A quantile needs a probability", "[solvers][phase_type]") {
  PhaseTypeCurve curve(exponential(1.0));
  CHECK_THROWS_WITH(curve.quantile_s(1.0), "quantile of probability 1, expected at least 0 and below 1");
  CHECK_THROWS_WITH(curve.upper_quantile_s(0.0), "upper quantile of probability 0, expected above 0 and at most 1");
}
