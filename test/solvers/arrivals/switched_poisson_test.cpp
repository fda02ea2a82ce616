// SPDX-License-Identifier: Apache-2.0
// Arrivals of two levels against the algebra of Markovian arrival processes, and recorded arrivals against both.
#include "solvers/arrivals/switched_poisson.h"

#include <cmath>
#include <stdexcept>

#include "solvers/arrivals/arrival_sample.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

std::vector<double> sampled(const SwitchedPoisson& x, int count) {
  RandomSource random(3);
  ArrivalSampler next(arrivals_of(x), random);
  std::vector<double> arrival_s = {0.0};
  for (int i = 1; i < count; ++i) arrival_s.push_back(arrival_s.back() + next(random));
  return arrival_s;
}

}  // namespace

TEST_CASE("two levels meet rate, scv and correlation or dispersion", "[solvers][arrivals]") {
  const double scv = GENERATE(1.2, 2.0, 6.0), share = GENERATE(0.0, 0.3, 0.9), rate = GENERATE(0.1, 40.0);
  const double correlation = share * 0.5 * (scv - 1.0) / scv;
  const SwitchedPoisson x = switched_by_correlation(rate, scv, correlation);
  const MarkovianArrivals algebra = arrivals_of(x);
  CHECK(x.rate_per_s() == Approx(rate).epsilon(1e-12));
  CHECK(algebra.rate_per_s() == Approx(rate).epsilon(1e-12));
  CHECK(algebra.scv() == Approx(scv).epsilon(1e-9));
  CHECK(algebra.autocorrelation(1) == Approx(correlation).margin(1e-9));
  CHECK(algebra.index_of_dispersion() == Approx(index_of_dispersion(x)).epsilon(1e-9));
  const SwitchedPoisson same = switched_by_dispersion(rate, scv, index_of_dispersion(x));
  CHECK(same.busy_per_s == Approx(x.busy_per_s).epsilon(1e-9));
  CHECK(same.busy_end_per_s == Approx(x.busy_end_per_s).epsilon(1e-9));
}

TEST_CASE("a share of a stream keeps as much of its dispersion", "[solvers][arrivals]") {
  const SwitchedPoisson x = switched_by_dispersion(8.0, 3.0, 12.0);
  const SwitchedPoisson third = thinned(x, 1.0 / 3.0);
  CHECK(index_of_dispersion(third) == Approx(1.0 + 11.0 / 3.0).epsilon(1e-12));
  CHECK(arrivals_of(third).index_of_dispersion() ==
        Approx(thinned(arrivals_of(x), 1.0 / 3.0).index_of_dispersion()).epsilon(1e-12));
  CHECK(count_dispersion(faster(x, 5.0), 0.2) == Approx(count_dispersion(x, 1.0)).epsilon(1e-12));
  CHECK(count_dispersion(x, 1e-9) == Approx(1.0).margin(1e-6));
  CHECK(count_dispersion(x, 1e9) == Approx(12.0).epsilon(1e-6));
}

TEST_CASE("the law of the gaps has the moments of the algebra", "[solvers][arrivals]") {
  const SwitchedPoisson x = switched_by_dispersion(2.0, 4.0, 9.0);
  // E[T] and E[T^2] / 2 as integrals of P(T > t) and t P(T > t), midpoint rule.
  double first = 0.0, second = 0.0;
  const double step_s = 1e-3;
  for (double at_s = 0.5 * step_s; at_s < 60.0; at_s += step_s) {
    first += gap_survival(x, at_s) * step_s;
    second += at_s * gap_survival(x, at_s) * step_s;
  }
  CHECK(first == Approx(0.5).epsilon(1e-5));
  CHECK(2.0 * second == Approx(arrivals_of(x).moment(2)).epsilon(1e-4));
}

TEST_CASE("variance and forgetting: half of the time busy, or calm without arrivals", "[solvers][arrivals]") {
  const double scv = GENERATE(0.25, 1.0, 6.0);
  const SwitchedPoisson x = switched_by_variance(3.0, scv * 9.0, 0.7);
  CHECK(x.rate_per_s() == Approx(3.0).epsilon(1e-12));
  CHECK(x.rate_variance() == Approx(scv * 9.0).epsilon(1e-12));
  CHECK(x.forget_per_s() == Approx(0.7).epsilon(1e-12));
  CHECK(x.calm_per_s >= 0.0);
}

TEST_CASE("recorded arrivals: measured as sampled, and fitted back", "[solvers][arrivals]") {
  const SwitchedPoisson x = switched_by_dispersion(5.0, 2.0, 20.0);
  const std::vector<double> arrival_s = sampled(x, 400'000);
  const ArrivalSample sample = measure_arrivals(arrival_s);
  // 400,000 arrivals hold some 5,000 phases.
  CHECK(sample.rate_per_s == Approx(5.0).epsilon(0.02));
  CHECK(sample.scv == Approx(2.0).epsilon(0.05));
  CHECK(sample.lag1_correlation == Approx(arrivals_of(x).autocorrelation(1)).epsilon(0.1));
  for (const ArrivalSample::Window& one : sample.windows) {
    if (static_cast<double>(arrival_s.size()) < 1000.0 * 5.0 * one.seconds) continue;
    CHECK(one.dispersion == Approx(count_dispersion(x, one.seconds)).epsilon(0.1));
  }
  const auto fitted = fit_switched_poisson(sample);
  REQUIRE(fitted);
  CHECK(index_of_dispersion(*fitted) == Approx(20.0).epsilon(0.15));
  CHECK(fitted->forget_per_s() == Approx(x.forget_per_s()).epsilon(0.25));
  CHECK(gap_distance(arrival_s, fitted, 5.0) < 0.03);
  CHECK(gap_distance(arrival_s, std::nullopt, 5.0) > 0.05);
}

TEST_CASE("recorded Poisson arrivals are told from bursts", "[solvers][arrivals]") {
  RandomSource random(7);
  std::vector<double> arrival_s = {0.0};
  while (arrival_s.size() < 100'000) arrival_s.push_back(arrival_s.back() + random.exponential());
  const ArrivalSample sample = measure_arrivals(arrival_s);
  CHECK(sample.scv == Approx(1.0).epsilon(0.03));
  CHECK(sample.busiest_tenth_ratio == Approx(1.0).epsilon(0.05));
  CHECK_FALSE(fit_switched_poisson(sample));
  CHECK(gap_distance(arrival_s, std::nullopt, 1.0) < 0.01);
}

TEST_CASE("impossible arrivals are refused", "[solvers][arrivals]") {
  CHECK_THROWS_AS(switched_by_correlation(1.0, 4.0, 0.375), std::invalid_argument);
  CHECK_THROWS_AS(switched_by_dispersion(1.0, 4.0, 3.9), std::invalid_argument);
  CHECK_THROWS_AS(switched_by_dispersion(1.0, 1.0, 2.0), std::invalid_argument);
  CHECK_THROWS_AS(switched_by_variance(1.0, 0.0, 1.0), std::invalid_argument);
  CHECK_THROWS_AS(measure_arrivals(std::vector<double>{1.0, 1.0}), std::invalid_argument);
}
