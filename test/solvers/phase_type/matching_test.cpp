// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "solvers/arrivals/arrival_fit.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_matching.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

void check_three_moments(const PhaseType& duration, double m1, double m2, double m3, double tolerance) {
  const auto raw = duration.moments().raw();
  CHECK(raw[0] == Approx(m1).epsilon(tolerance));
  CHECK(raw[1] == Approx(m2).epsilon(tolerance));
  CHECK(raw[2] == Approx(m3).epsilon(tolerance));
}

}  // namespace

TEST_CASE("Two phases meet every third moment of their range, and no other", "[solvers][matching]") {
  const double n2 = GENERATE(1.55, 1.8, 1.99, 2.3, 6.0);
  const ThirdMomentRange range = third_moment_range_of_two_phases(n2);
  const double top = std::min(range.upper, 20.0 * n2);
  for (const double share : {0.01, 0.5, 0.99}) {
    const double n3 = range.lower + share * (top - range.lower);
    const PhaseTypeMatch match = match_two_phases(3.0, n2 * 9.0, n3 * n2 * 27.0);
    CHECK(match.is_exact);
    CHECK(match.duration.phases() == 2);
    check_three_moments(match.duration, 3.0, n2 * 9.0, n3 * n2 * 27.0, 1e-9);
  }
  const PhaseTypeMatch below = match_two_phases(1.0, n2, 0.98 * range.lower * n2);
  CHECK_FALSE(below.is_exact);
  CHECK(below.adjustment.substr(0, 12) == "third moment");
  CHECK(below.duration.moments().raw()[2] == Approx(range.lower * n2).epsilon(2e-6));
}

TEST_CASE("Erlang and exponential are their own match", "[solvers][matching]") {
  const auto two = erlang(2, 4.0).moments().raw();
  CHECK(match_two_phases(two[0], two[1], two[2]).is_exact);
  CHECK(match_acyclic(two[0], two[1], two[2]).duration.phases() == 2);
  const auto one = exponential(0.5).moments().raw();
  CHECK(match_acyclic(one[0], one[1], one[2]).duration.phases() == 1);
  const auto seven = erlang(7, 4.0).moments().raw();
  check_three_moments(match_acyclic(seven[0], seven[1], seven[2] * 1.002).duration, seven[0], seven[1],
                      seven[2] * 1.002, 1e-8);
}

TEST_CASE("Acyclic laws of least order meet three moments", "[solvers][matching]") {
  // scv and skewness over a wide range; skewness above scv - 1 / scv (the bound of positive laws) times a factor.
  const double scv = GENERATE(0.05, 0.2, 0.45, 0.9, 1.5, 5.0, 40.0);
  const double factor = GENERATE(1.1, 1.5, 3.0);
  const double m2 = 1.0 + scv;
  const double m3 = m2 * m2 * factor;  // m3 m1 > m2^2
  const PhaseTypeMatch match = match_acyclic(1.0, m2, m3);
  INFO(match.adjustment);
  if (match.is_exact) check_three_moments(match.duration, 1.0, m2, m3, 1e-7);
  // Osogami's law meets them all, with at most one phase more.
  const PhaseType coxian = match_erlang_coxian(1.0, m2, m3);
  check_three_moments(coxian, 1.0, m2, m3, 1e-6);
  REQUIRE(match.is_exact);
}

TEST_CASE("Too few phases: nearest reached, and said so", "[solvers][matching]") {
  const PhaseTypeMatch match = match_acyclic(1.0, 1.05, 1.16, 5);
  CHECK_FALSE(match.is_exact);
  CHECK(match.duration.phases() == 5);
  CHECK(match.duration.scv() == Approx(0.2).epsilon(1e-6));
  CHECK(match.duration.mean_s() == Approx(1.0).epsilon(1e-9));
  CHECK_THAT(match.adjustment, ContainsSubstring("second moment 1.2 instead of 1.05"));
}

TEST_CASE("A Pareto tail over five decades", "[solvers][matching]") {
  const auto pareto = [](double t) { return std::pow(1.0 + t, -1.5); };
  PhaseTypeCurve fit(match_long_tail(pareto, 0.5, 1e5, 8));
  for (const double t : {1.0, 10.0, 100.0, 1e3, 1e4, 1e5}) CHECK(fit.survival(t) == Approx(pareto(t)).epsilon(0.15));
  // An Erlang tail is not long.
  PhaseTypeCurve erlang_law(erlang(4, 1.0));
  CHECK_THROWS_WITH(match_long_tail([&](double t) { return erlang_law.survival(t); }, 0.1, 10.0, 4),
                    ContainsSubstring("the tail is not long around"));
}

TEST_CASE("MAP of two phases: three moments and every correlation in reach", "[solvers][matching]") {
  const double n2 = GENERATE(1.6, 1.9, 2.5, 8.0);
  const double share = GENERATE(0.02, 0.3, 0.5, 0.8, 0.98);
  const ThirdMomentRange thirds = third_moment_range_of_two_phases(n2);
  const double n3 = thirds.lower + 0.3 * (std::min(thirds.upper, 3.0 * thirds.lower) - thirds.lower);
  const double m1 = 0.2, m2 = n2 * m1 * m1, m3 = n3 * m1 * m2;
  const CorrelationRange range = correlation_range_of_two_phases(m1, m2, m3);
  CHECK(range.lower < 0.0);
  CHECK(range.upper > 0.0);
  const double correlation = range.lower + share * (range.upper - range.lower);
  const ArrivalFit fit = fit_arrivals(m1, m2, m3, correlation);
  CHECK(fit.is_exact);
  CHECK(fit.arrivals.moment(1) == Approx(m1).epsilon(1e-9));
  CHECK(fit.arrivals.moment(2) == Approx(m2).epsilon(1e-9));
  CHECK(fit.arrivals.moment(3) == Approx(m3).epsilon(1e-8));
  CHECK(fit.arrivals.autocorrelation(1) == Approx(correlation).epsilon(1e-8));
}

TEST_CASE("Correlation out of reach becomes the nearest, and is named", "[solvers][matching]") {
  const ArrivalFit fit = fit_arrivals(1.0, 3.0, 20.0, 0.9);
  CHECK_FALSE(fit.is_exact);
  CHECK_THAT(fit.adjustment, ContainsSubstring("instead of 0.9"));
  CHECK(fit.arrivals.autocorrelation(1) == Approx(correlation_range_of_two_phases(1.0, 3.0, 20.0).upper).epsilon(1e-6));
  CHECK(fit_arrivals(1.0, 2.0, 6.0, 0.0).arrivals.phases() == 1);
  CHECK_THROWS_WITH(fit_arrivals(1.0, 3.0, 20.0, 1.5), "correlation 1.5, expected between -1 and 1");
  CHECK_THROWS_WITH(fit_arrivals(1.0, 0.5, 20.0, 0.1), "moments 1, 0.5, 20 of no spread-out positive duration");
}

TEST_CASE("Switched Poisson process from scv and correlation", "[solvers][matching]") {
  const double scv = GENERATE(1.2, 3.0, 20.0), share = GENERATE(0.0, 0.4, 0.95);
  const double correlation = share * 0.5 * (scv - 1.0) / scv;
  const ArrivalFit fit = fit_switched_poisson(0.1, scv, correlation);
  CHECK(fit.is_exact);
  CHECK(fit.arrivals.rate_per_s() == Approx(10.0).epsilon(1e-12));
  CHECK(fit.arrivals.scv() == Approx(scv).epsilon(1e-10));
  CHECK(fit.arrivals.autocorrelation(1) == Approx(correlation).margin(1e-12));
  CHECK(fit_switched_poisson(0.1, 0.5, 0.1).adjustment == "scv 1 instead of 0.5; correlation 0 instead of 0.1");
}
