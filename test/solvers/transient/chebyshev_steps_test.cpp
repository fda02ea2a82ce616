// SPDX-License-Identifier: Apache-2.0
// Long steps against exponentials.
#include "solvers/transient/chebyshev_steps.h"

#include <Eigen/Core>
#include <cmath>

#include "test/catch.h"

using windtunnel::solvers::ChebyshevSteps;

namespace {

/// Decays at 1, 40 and 2,000 per second towards 1 / rate; at time 1.
Eigen::Array3d follow(int steps) {
  const Eigen::Array3d rate(1, 40, 2000);
  const ChebyshevSteps strides(1.0 / steps, 2000);
  Eigen::Array3d y(1, 1, 1);
  for (int k = 0; k < steps; ++k)
    y = strides.advance(y, [&](const Eigen::Array3d& now) -> Eigen::Array3d { return 1.0 - rate * now; });
  return y;
}

}  // namespace

TEST_CASE("long steps are stable for fast rates and of second order for slow ones", "[chains][chebyshev]") {
  const double exact = 1.0;  // 1 + (1 - 1) exp(-t): at rest from the start
  CHECK(follow(10)(0) == Approx(exact).epsilon(1e-12));
  // Two hundred times longer than the fastest stay, and yet damped from 1 to rest.
  CHECK(follow(10)(2) == Approx(1.0 / 2000).margin(0.01));
  CHECK(follow(20)(1) == Approx(1.0 / 40).epsilon(1e-3));
  // Second order: half the step, a quarter of the error.
  const auto error = [](int steps) {
    const ChebyshevSteps strides(1.0 / steps, 2000);
    double y = 1;
    for (int k = 0; k < steps; ++k) y = strides.advance(y, [](double now) { return -3.0 * now; });
    return std::abs(y - std::exp(-3.0));
  };
  CHECK(error(20) / error(40) == Approx(4).epsilon(0.15));
  CHECK(error(40) < 1e-3);
  CHECK(ChebyshevSteps(0.1, 2000).stages() < 20);
}
