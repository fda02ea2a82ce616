// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/order_statistics.h"

#include <cmath>
#include <numbers>
#include <vector>

#include "solvers/numerics/normal_distribution.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/phase_type/phase_type_fit.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

// Sum of 1 / i^power, i = 1..n, smallest terms first.
double harmonic(int n, int power) {
  double total = 0.0;
  for (int i = n; i >= 1; --i) total += std::pow(static_cast<double>(i), -power);
  return total;
}

}  // namespace

TEST_CASE("The maximum of n exponentials has mean H_n / rate and variance H_n^(2) / rate^2",
          "[solvers][order_statistics]") {
  const int n = GENERATE(1, 2, 8, 1000, 16384, 1'000'000);
  const Distribution law = maximum(distribution_of(exponential(4.0)), n);
  const MeanVariance result = mean_and_variance(law);
  CHECK(result.mean_s == Approx(harmonic(n, 1) / 4.0).epsilon(1e-11));
  CHECK(result.variance_s2 == Approx(harmonic(n, 2) / 16.0).epsilon(1e-10));
}

TEST_CASE("The maximum of n standard normals", "[solvers][order_statistics]") {
  struct Golden {
    double n, mean;
  };
  // David and Nagaraja, Order Statistics, table of E[max]; 4 decimals. n = 2: 1 / sqrt(pi), n = 3: 3 / (2 sqrt(pi)).
  for (const Golden golden : {Golden{8, 1.4236}, Golden{64, 2.3437}, Golden{1024, 3.2482}, Golden{2048, 3.4418},
                              Golden{16384, 3.9714}, Golden{100000, 4.3843}})
    CHECK(mean_and_variance(maximum(standard_normal(), golden.n)).mean_s == Approx(golden.mean).margin(5.1e-5));
  const MeanVariance two = mean_and_variance(maximum(standard_normal(), 2));
  CHECK(two.mean_s == Approx(std::numbers::inv_sqrtpi).epsilon(1e-11));
  CHECK(two.variance_s2 == Approx(1.0 - std::numbers::inv_pi).epsilon(1e-11));
  CHECK(mean_and_variance(maximum(standard_normal(), 3)).mean_s ==
        Approx(1.5 * std::numbers::inv_sqrtpi).epsilon(1e-11));
}

TEST_CASE("One member keeps its own moments", "[solvers][order_statistics]") {
  const double scv = GENERATE(1e-6, 0.01, 0.3, 1.0, 5.0, 100.0);
  const PhaseType step = fit_phase_type(2.0, scv);
  const MeanVariance result = mean_and_variance(maximum(distribution_of(step), 1));
  CHECK(result.mean_s == Approx(2.0).epsilon(1e-11));
  CHECK(result.variance_s2 == Approx(4.0 * scv).epsilon(1e-9));
}

TEST_CASE("A two-level maximum equals the flat one", "[solvers][order_statistics]") {
  const Distribution device = distribution_of(fit_phase_type(0.01, 0.05));
  const MeanVariance flat = mean_and_variance(maximum(device, 8 * 128));
  const MeanVariance nested = mean_and_variance(maximum(maximum(device, 8), 128));
  CHECK(nested.mean_s == Approx(flat.mean_s).epsilon(1e-11));
  CHECK(nested.variance_s2 == Approx(flat.variance_s2).epsilon(1e-9));
}

TEST_CASE("Quantiles of a maximum are quantiles of one member", "[solvers][order_statistics]") {
  // F^n = p where F = p^(1/n), that is where the survival is 1 - p^(1/n).
  const double n = GENERATE(2.0, 128.0, 16384.0, 1e6);
  const PhaseType step = fit_phase_type(1.0, 0.1);
  PhaseTypeCurve curve(step);
  const Distribution law = maximum(distribution_of(step), n);
  for (const double p : {0.01, 0.5, 0.99})
    CHECK(quantile_s(law, p) == Approx(curve.upper_quantile_s(-std::expm1(std::log(p) / n))).epsilon(1e-11));
}

TEST_CASE("Different members: the maximum of two exponentials", "[solvers][order_statistics]") {
  // E[max] = 1/a + 1/b - 1/(a+b); E[max^2] = 2/a^2 + 2/b^2 - 2/(a+b)^2.
  const double a = 3.0, b = GENERATE(3.5, 0.1, 300.0);
  const MeanVariance result =
      mean_and_variance(maximum({{distribution_of(exponential(a)), 1.0}, {distribution_of(exponential(b)), 1.0}}));
  const double mean = 1 / a + 1 / b - 1 / (a + b), square = 2 / (a * a) + 2 / (b * b) - 2 / ((a + b) * (a + b));
  CHECK(result.mean_s == Approx(mean).epsilon(1e-11));
  CHECK(result.variance_s2 == Approx(square - mean * mean).epsilon(1e-10));
}

TEST_CASE("A binomial number of slow members, averaged one by one", "[solvers][order_statistics]") {
  const PhaseType step = fit_phase_type(1.0, 0.04);
  const Distribution fast = distribution_of(step), slow = distribution_of(scaled(step, 1.4));
  const int n = 12;
  const double p = 0.07;
  double mean = 0.0, probability = std::pow(1.0 - p, n);
  for (int k = 0; k <= n; ++k) {
    mean += probability * mean_and_variance(maximum({{fast, double(n - k)}, {slow, double(k)}})).mean_s;
    probability *= (n - k) * p / ((k + 1) * (1.0 - p));
  }
  CHECK(mean_and_variance(maximum_with_slow_members(fast, slow, p, n)).mean_s == Approx(mean).epsilon(1e-11));
}

TEST_CASE("Mixtures of unequal floors and constants have exact moments", "[solvers][order_statistics]") {
  const std::vector<double> weights = {0.75, 0.25};
  const PhaseType x = shifted(exponential(2.0), 1.0), y = shifted(erlang(3, 1.0), 4.0);
  const MeanVariance result = mean_and_variance(mixture(weights, {distribution_of(x), distribution_of(y)}));
  const CentralMoments expected = mixture(weights, std::vector{x.moments(), y.moments()});
  CHECK(result.mean_s == Approx(expected.mean_s).epsilon(1e-11));
  CHECK(result.variance_s2 == Approx(expected.variance_s2).epsilon(1e-10));
  CHECK(mean_and_variance(maximum(distribution_of(constant(3.0)), 100)).mean_s == 3.0);
  // max(3, Exp(1)) = 3 + (Exp(1) - 3)^+: mean 3 + e^-3.
  const MeanVariance floored =
      mean_and_variance(maximum({{distribution_of(constant(3.0)), 5.0}, {distribution_of(exponential(1.0)), 1.0}}));
  CHECK(floored.mean_s == Approx(3.0 + std::exp(-3.0)).epsilon(1e-8));
}

TEST_CASE("Normal quantiles invert the normal distribution", "[solvers][normal]") {
  // 1.959963984540054: NIST/SEMATECH e-Handbook 1.3.6.7.1, to 15 digits.
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-13));
  for (const double p : {1e-300, 1e-10, 0.2, 0.5, 0.9})
    CHECK(normal_cdf(normal_quantile(p)) == Approx(p).epsilon(1e-10));
}

TEST_CASE("A maximum needs members and a quantile a probability", "[solvers][order_statistics]") {
  CHECK_THROWS_WITH(maximum(standard_normal(), 0), "maximum of no members");
  CHECK_THROWS_WITH(maximum(standard_normal(), -2), "count -2 of a maximum is not a finite number >= 0");
  CHECK_THROWS_WITH(quantile_s(standard_normal(), 1.0), "quantile of probability 1, expected between 0 and 1");
  CHECK_THROWS_WITH(normal(0.0, 0.0), "standard deviation 0 of a normal is not a finite number > 0");
}
