// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type_fit.h"

#include <cmath>
#include <vector>

#include "solvers/phase_type/phase_type_curve.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

TEST_CASE("A fit has exactly the mean and scv asked for", "[solvers][phase_type_fit]") {
  const double mean = GENERATE(1e-6, 1.0, 86400.0);
  for (const double scv : {1e-8, 1e-4, 0.0199, 0.02, 0.0201, 0.05, 0.1, 0.25, 1.0 / 3.0, 0.4, 0.5, 0.75, 0.999, 1.0,
                           1.001, 2.0, 10.0, 100.0, 1e6}) {
    const PhaseType fit = fit_phase_type(mean, scv);
    CHECK(fit.mean_s() == Approx(mean).epsilon(1e-13));
    CHECK(fit.scv() == Approx(scv).epsilon(1e-10));
    CHECK(fit.phases() <= 50);
  }
  CHECK(fit_phase_type(mean, 0.0).phases() == 0);
  CHECK(fit_phase_type(mean, 0.0).shift_s() == mean);
}

TEST_CASE("Whole 1/scv gives an Erlang, scv 1 an exponential", "[solvers][phase_type_fit]") {
  for (const int k : {1, 2, 3, 7, 49, 50}) {
    const PhaseType fit = fit_phase_type(2.0, 1.0 / k);
    CHECK(fit.phases() == k);
    CHECK(fit.shift_s() == Approx(0.0).margin(1e-12));
    CHECK(fit.moments().skewness() == Approx(2.0 / std::sqrt(k)).epsilon(1e-6));
  }
}

TEST_CASE("Third moments are those the header states", "[solvers][phase_type_fit]") {
  CHECK(fit_phase_type(1.0, 1e-5).moments().skewness() == Approx(2.0 / std::sqrt(50.0)).epsilon(1e-9));
  for (const double scv : {1.5, 10.0, 100.0})
    CHECK(fit_phase_type(1.0, scv).moments().skewness() ==
          Approx((3.0 * scv * scv - 1.0) / std::pow(scv, 1.5)).epsilon(1e-9));
}

TEST_CASE("Three moments are met within the family's range", "[solvers][phase_type_fit]") {
  const double mean = 3.0;
  for (const double scv : {1e-6, 0.01, 0.2, 0.5, 1.0, 3.0})
    for (const double skewness : {0.3, 0.95, 2.0, 5.0, 40.0}) {
      const double deviation = mean * std::sqrt(scv);
      const PhaseType plain = fit_phase_type(mean, scv);
      const CentralMoments asked{
          .mean_s = mean, .variance_s2 = deviation * deviation, .third_s3 = skewness * std::pow(deviation, 3)};
      const PhaseType fit = fit_phase_type(asked);
      CHECK(fit.mean_s() == Approx(mean).epsilon(1e-12));
      CHECK(fit.scv() == Approx(scv).epsilon(1e-10));
      // Below the range of the plain form the skewness is the plain form's.
      CHECK(fit.moments().skewness() == Approx(std::max(skewness, plain.moments().skewness())).epsilon(1e-9));
    }
}

TEST_CASE("Sums of many copies: the fit against the exact convolution", "[solvers][phase_type_fit]") {
  struct Case {
    PhaseType step;
    int count;
    double largest_error;
  };
  // Largest difference of the distribution functions over 400 points; measured value, rounded up.
  const std::vector<Case> cases = {{erlang(4, 1.0), 20, 1e-10},
                                   {fit_phase_type(1.0, 0.3), 30, 6e-4},
                                   {fit_phase_type(1.0, 4.0), 10, 0.033},
                                   {fit_phase_type(1.0, 4.0), 100, 8e-4},
                                   {fit_phase_type(1.0, 0.01), 16, 2e-3}};
  for (const Case& sum : cases) {
    const PhaseType exact = convolution(std::vector<PhaseType>(sum.count, sum.step));
    const PhaseType fit = approximate_repeated(sum.step, sum.count);
    CHECK(fit.phases() <= 400);
    CHECK(fit.mean_s() == Approx(exact.mean_s()).epsilon(1e-12));
    CHECK(fit.variance_s2() == Approx(exact.variance_s2()).epsilon(1e-9));
    PhaseTypeCurve a(exact), b(fit);
    const double deviation = exact.moments().standard_deviation_s();
    double error = 0.0;
    for (double z = -4.0; z < 6.0; z += 0.025) {
      const double t = exact.mean_s() + z * deviation;
      error = std::max(error, std::abs(a.cdf(t) - b.cdf(t)));
    }
    CHECK(error <= sum.largest_error);
  }
}

TEST_CASE("Impossible moments are refused", "[solvers][phase_type_fit]") {
  CHECK_THROWS_WITH(fit_phase_type(-1.0, 0.5), "mean -1 s of a duration is not a finite number >= 0");
  CHECK_THROWS_WITH(fit_phase_type(1.0, -0.5), "scv -0.5 of a duration is not a finite number >= 0");
  CHECK_THROWS_WITH(fit_phase_type(0.0, 0.5), "scv 0.5 of a duration of mean 0, expected 0");
  CHECK_THROWS_WITH(fit_phase_type(1.0, 0.5, {.max_phases = 1}), "max_phases 1 of a fit, expected at least 2");
}
