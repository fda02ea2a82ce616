// SPDX-License-Identifier: Apache-2.0
// The law of lost time against sums whose law is known.
#include "modeling/chains/health/lost_time_law.h"

#include <cmath>

#include "solvers/numerics/poisson_weights.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;

TEST_CASE("a Poisson number of exponential losses is met exactly", "[chains][lost time]") {
  // Cumulants of n losses of mean 1: n, 2 n, 6 n. P(sum <= x) = sum_k Poisson(k; n) P(Erlang-k <= x).
  const double n = GENERATE(0.7, 3.0, 12.0);
  const double x = GENERATE(0.5, 3.0, 9.0, 20.0);
  const solvers::PoissonWeights losses = solvers::poisson_weights(n, 1e-14);
  const solvers::PoissonWeights by_x = solvers::poisson_weights(x, 1e-14);
  double exact = 0;
  for (Eigen::Index k = 0; k < losses.weight.size(); ++k) {
    const Eigen::Index count = losses.left + k;
    double erlang = 0;  // at least `count` events of a Poisson process by x
    for (Eigen::Index j = std::max<Eigen::Index>(0, count - by_x.left); j < by_x.weight.size(); ++j)
      erlang += by_x.weight(j);
    exact += losses.weight(k) * erlang;
  }
  const solvers::CentralMoments sum{.mean_s = n, .variance_s2 = 2 * n, .third_s3 = 6 * n};
  CHECK(lost_time_cdf(sum, x) == Approx(exact).margin(1e-9));
}

TEST_CASE("far from 0 the law is Pearson's, near the Poisson number of losses", "[chains][lost time]") {
  // At the change from one to the other: 50 exponential losses, 5 standard deviations from 0.
  for (const double x : {30.0, 50.0, 75.0}) {
    const solvers::CentralMoments below{.mean_s = 49.9, .variance_s2 = 99.8, .third_s3 = 299.4};
    const solvers::CentralMoments above{.mean_s = 50.1, .variance_s2 = 100.2, .third_s3 = 300.6};
    const solvers::CentralMoments middle{.mean_s = 50, .variance_s2 = 100, .third_s3 = 300};
    CHECK(0.5 * (lost_time_cdf(below, x) + lost_time_cdf(above, x)) == Approx(lost_time_cdf(middle, x)).margin(3e-4));
  }
}

TEST_CASE("a loss that is surely there has its floor", "[chains][lost time]") {
  const solvers::CentralMoments gamma{.mean_s = 101, .variance_s2 = 1, .third_s3 = 2};  // 100 + exponential
  CHECK(lost_time_cdf(gamma, 99.9) == Approx(0).margin(1e-12));
  CHECK(lost_time_cdf(gamma, 102) == Approx(1 - std::exp(-2)).epsilon(1e-9));
  CHECK(lost_time_cdf(gamma, -1) == 0);
}
