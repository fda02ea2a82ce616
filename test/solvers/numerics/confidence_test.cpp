// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/confidence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "solvers/numerics/random.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

TEST_CASE("Student quantiles with one and two degrees of freedom have closed forms", "[solvers][confidence]") {
  // One: Cauchy, tan(pi (p - 1/2)). Two: a sqrt(2 / (1 - a^2)), a = 2 p - 1.
  for (const double p : {0.01, 0.3, 0.75, 0.975, 0.9995}) {
    CHECK(student_t_quantile(p, 1.0) == Approx(std::tan(std::numbers::pi * (p - 0.5))).epsilon(1e-10));
    const double a = 2.0 * p - 1.0;
    CHECK(student_t_quantile(p, 2.0) == Approx(a * std::sqrt(2.0 / (1.0 - a * a))).epsilon(1e-10));
  }
}

TEST_CASE("Student quantiles of the printed tables", "[solvers][confidence]") {
  // NIST/SEMATECH e-Handbook 1.3.6.7.2, 3 decimals.
  CHECK(student_t_quantile(0.975, 5) == Approx(2.571).margin(5e-4));
  CHECK(student_t_quantile(0.95, 10) == Approx(1.812).margin(5e-4));
  CHECK(student_t_quantile(0.995, 31) == Approx(2.744).margin(5e-4));
  CHECK(student_t_quantile(0.975, 1e7) == Approx(1.959964).margin(5e-6));
}

TEST_CASE("Intervals hold the truth as often as they say", "[solvers][confidence]") {
  RandomSource random(11);
  const int trials = 2000;
  int mean_hits = 0, median_hits = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> samples;
    for (int i = 0; i < 100; ++i) samples.push_back(random.normal());
    mean_hits += mean_estimate(samples, 0.9).contains(0.0);
    std::sort(samples.begin(), samples.end());
    median_hits += quantile_estimate(samples, 0.5, 0.9).contains(0.0);
  }
  // 0.9 +- 4 standard deviations, 4 sqrt(0.09 / 2000) = 0.027; ranks are whole, so the median's interval errs to the
  // long side.
  CHECK(std::abs(mean_hits / double(trials) - 0.9) < 0.027);
  CHECK(median_hits / double(trials) > 0.9 - 0.027);
  CHECK(median_hits / double(trials) < 0.97);
}

TEST_CASE("A quantile beyond the samples has no upper end", "[solvers][confidence]") {
  const std::vector<double> samples = {1.0, 2.0, 3.0, 4.0};
  const Estimate estimate = quantile_estimate(samples, 0.99, 0.95);
  CHECK(estimate.value == 4.0);
  CHECK(estimate.high == std::numeric_limits<double>::infinity());
}

TEST_CASE("Intervals need samples and probabilities", "[solvers][confidence]") {
  const std::vector<double> one = {1.0}, two = {1.0, 2.0};
  CHECK_THROWS_WITH(mean_estimate(one, 0.95), "confidence interval from 1 samples, expected at least 2");
  CHECK_THROWS_WITH(mean_estimate(two, 1.0), "confidence 1, expected between 0 and 1");
  CHECK_THROWS_WITH(student_t_quantile(0.9, 0.0), "degrees of freedom 0, expected above 0");
}
