// SPDX-License-Identifier: Apache-2.0
#include "solvers/precedence/gaussian_max.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "solvers/numerics/confidence.h"
#include "solvers/numerics/random.h"
#include "solvers/phase_type/order_statistics.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

TEST_CASE("Two standard normals with correlation rho: mean sqrt((1 - rho) / pi)", "[solvers][gaussian_max]") {
  // Variance 1 - (1 - rho) / pi, as E[max^2] = 1 by symmetry.
  const double rho = GENERATE(-1.0, -0.5, 0.0, 0.9);
  const GaussianMaximum result = gaussian_maximum(0.0, 1.0, 0.0, 1.0, rho);
  CHECK(result.mean_s == Approx(std::sqrt((1.0 - rho) / std::numbers::pi)).epsilon(1e-13));
  CHECK(result.variance_s2 == Approx(1.0 - (1.0 - rho) / std::numbers::pi).epsilon(1e-13));
  CHECK(result.first_is_larger == Approx(0.5));
}

TEST_CASE("Independent normals agree with the integral of 1 - F G", "[solvers][gaussian_max]") {
  const double mean = GENERATE(-3.0, 0.2, 1.0, 8.0), deviation = GENERATE(0.1, 1.0, 4.0);
  const GaussianMaximum clark = gaussian_maximum(5.0, 1.0, 5.0 + mean, deviation * deviation, 0.0);
  const MeanVariance exact = mean_and_variance(maximum({{normal(5.0, 1.0)}, {normal(5.0 + mean, deviation)}}));
  CHECK(clark.mean_s == Approx(exact.mean_s).epsilon(1e-10));
  CHECK(clark.variance_s2 == Approx(exact.variance_s2).epsilon(1e-9));
}

TEST_CASE("Clark's covariance weight agrees with simulation", "[solvers][gaussian_max]") {
  // X = A + B, Y = A + C + 0.4, Z = B: cov(max, Z) = first_is_larger * var(B).
  RandomSource random(3);
  std::vector<double> products;
  const GaussianMaximum clark = gaussian_maximum(0.0, 2.0, 0.4, 1.25, 1.0);
  for (int i = 0; i < 200'000; ++i) {
    const double a = random.normal(), b = random.normal(), c = 0.5 * random.normal();
    products.push_back((std::max(a + b, a + c + 0.4) - clark.mean_s) * b);
  }
  CHECK(mean_estimate(products, 0.9999).contains(clark.first_is_larger));
}

TEST_CASE("Constants and copies are decided by their means", "[solvers][gaussian_max]") {
  CHECK(gaussian_maximum(1.0, 0.0, 2.0, 0.0, 0.0).mean_s == 2.0);
  const GaussianMaximum copy = gaussian_maximum(1.0, 4.0, 0.5, 4.0, 4.0);
  CHECK(copy.mean_s == 1.0);
  CHECK(copy.variance_s2 == 4.0);
  CHECK(copy.first_is_larger == 1.0);
  CHECK_THROWS_WITH(gaussian_maximum(0.0, -1.0, 0.0, 1.0, 0.0), "variance -1 of a normal is not a finite number >= 0");
  CHECK_THROWS_WITH(gaussian_maximum(0.0, 1.0, 0.0, 1.0, 2.0),
                    "covariance 2 exceeds the product of standard deviations 1");
}
