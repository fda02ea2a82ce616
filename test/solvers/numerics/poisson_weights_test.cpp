// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/poisson_weights.h"

#include <cmath>

#include "test/catch.h"

namespace windtunnel::solvers {

TEST_CASE("Poisson weights and their tails sum to one", "[solvers][poisson]") {
  const double mean = GENERATE(1e-12, 0.3, 1.0, 25.0, 400.0, 1e5, 1e7);
  const double tolerance = GENERATE(1e-6, 1e-12, 1e-25);
  const PoissonWeights weights = poisson_weights(mean, tolerance);
  CHECK(weights.weight.sum() + weights.lost_mass() == Approx(1.0).epsilon(1e-13));
  CHECK(weights.left_mass <= 0.5 * tolerance);
  CHECK(weights.right_mass <= 0.5 * tolerance);
  CHECK(weights.weight.minCoeff() > 0.0);
}

TEST_CASE("Poisson weights have the mean and the variance of a Poisson count", "[solvers][poisson]") {
  const double mean = GENERATE(0.3, 25.0, 400.0, 1e5, 1e7);
  const PoissonWeights weights = poisson_weights(mean, 1e-18);
  const Vector offset =
      Vector::LinSpaced(weights.weight.size(), 0.0, static_cast<double>(weights.weight.size() - 1)).array() +
      (static_cast<double>(weights.left) - mean);
  CHECK(weights.weight.dot(offset) == Approx(0.0).margin(1e-10 * std::sqrt(mean)));
  CHECK(weights.weight.dot(offset.cwiseAbs2()) == Approx(mean).epsilon(1e-10));
}

TEST_CASE("each weight is e^-m m^k / k!", "[solvers][poisson]") {
  const double mean = GENERATE(1e-12, 0.3, 7.0, 60.5);
  const PoissonWeights weights = poisson_weights(mean, 1e-15);
  for (Index k = weights.left; k <= weights.right(); ++k) {
    const auto count = static_cast<double>(k);
    const double expected = std::exp(count * std::log(mean) - mean - std::lgamma(count + 1.0));
    CHECK(weights.weight(k - weights.left) == Approx(expected).epsilon(2e-13));
  }
}

TEST_CASE("the right tail is exact, not a bound", "[solvers][poisson]") {
  // P(N > 0) = 1 - e^-m for m so small that one weight is enough.
  const PoissonWeights weights = poisson_weights(1e-4, 1e-3);
  REQUIRE(weights.weight.size() == 1);
  CHECK(weights.right_mass == Approx(-std::expm1(-1e-4)).epsilon(1e-14));
  CHECK(weights.left_mass == 0.0);
}

TEST_CASE("a mean of zero is certain", "[solvers][poisson]") {
  const PoissonWeights weights = poisson_weights(0.0, 1e-12);
  REQUIRE(weights.weight.size() == 1);
  CHECK(weights.weight(0) == 1.0);
  CHECK(weights.lost_mass() == 0.0);
}

TEST_CASE("impossible Poisson questions are refused", "[solvers][poisson]") {
  CHECK_THROWS_WITH(poisson_weights(-1.0, 1e-12), "Poisson mean -1 is not finite and >= 0");
  CHECK_THROWS_WITH(poisson_weights(HUGE_VAL, 1e-12), "Poisson mean inf is not finite and >= 0");
  CHECK_THROWS_WITH(poisson_weights(1.0, 0.0), "tolerance 0 is not between 0 and 1");
}

}  // namespace windtunnel::solvers
