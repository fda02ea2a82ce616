// SPDX-License-Identifier: Apache-2.0
#include "solvers/passage/absorption.h"

#include <cmath>
#include <limits>

#include "solvers/chain/initial_distribution.h"
#include "solvers/numerics/chain_error.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

const std::vector<Method> kMethods = {Method::kGth, Method::kBandedGth, Method::kGaussSeidel};

/// Two of three components must work; one repairs at a time. State = components down; 2 is the end.
Generator two_of_three(double failure, double repair) {
  const std::vector<Transition> transitions = {{0, 1, 3.0 * failure}, {1, 2, 2.0 * failure}, {1, 0, repair}};
  return Generator(3, transitions);
}

/// Random walk between two absorbing barriers.
Generator ruin(Index barrier, double up, double down) {
  std::vector<Transition> transitions;
  for (Index n = 1; n < barrier; ++n) {
    transitions.push_back({n, n + 1, up});
    transitions.push_back({n, n - 1, down});
  }
  return Generator(barrier + 1, transitions);
}

Generator erlang(Index stages, double rate) {
  std::vector<Transition> transitions;
  for (Index k = 0; k < stages; ++k) transitions.push_back({k, k + 1, rate});
  return Generator(stages + 1, transitions);
}

}  // namespace

TEST_CASE("two of three with repair fail after (5 l + m) / (6 l^2)", "[solvers][absorption]") {
  // Trivedi, Probability and Statistics, section 8.5. l = 1, m = 100: 17.5.
  for (const Method method : kMethods) {
    const auto time = hitting_time(two_of_three(1.0, 100.0), {2}, {.method = method, .tolerance = 1e-11});
    INFO(to_string(method) << ": " << time.message);
    REQUIRE(time.usable());
    CHECK(time.mean_s(0) == Approx(17.5).epsilon(*time.error_bound));
    CHECK(*time.error_bound <= 3e-11);
    CHECK(time.mean_s(2) == 0.0);
  }
}

TEST_CASE("a mean time of 1e17 repair times keeps all digits", "[solvers][absorption]") {
  const double failure = 1e-9;
  const auto time = hitting_time(two_of_three(failure, 1.0), {2});
  CHECK(time.mean_s(0) == Approx((5.0 * failure + 1.0) / (6.0 * failure * failure)).epsilon(1e-14));
  // E[T^2] of a nearly exponential time: 2 mean^2 up to the order of l / m.
  CHECK(time.second_moment_s2(0) == Approx(2.0 * time.mean_s(0) * time.mean_s(0)).epsilon(1e-8));
}

TEST_CASE("stages in a row: mean n / r, second moment n (n + 1) / r^2", "[solvers][absorption]") {
  const Method method = GENERATE(Method::kGth, Method::kBandedGth, Method::kGaussSeidel);
  const auto time = hitting_time(erlang(30, 4.0), {30}, {.method = method});
  REQUIRE(time.usable());
  CHECK(time.mean_s(0) == Approx(30.0 / 4.0).epsilon(1e-13));
  CHECK(time.second_moment_s2(0) == Approx(30.0 * 31.0 / 16.0).epsilon(1e-13));
}

TEST_CASE("the gambler's ruin", "[solvers][absorption]") {
  // P(reach N before 0 from n) = (1 - r^n) / (1 - r^N), r = down / up: Feller, An Introduction to Probability Theory I,
  // XIV.2.
  const double down = GENERATE(0.5, 1.5);
  const Method method = GENERATE(Method::kGth, Method::kBandedGth, Method::kGaussSeidel);
  const auto hit = hitting_probability(ruin(25, 1.0, down), {25}, {.method = method, .tolerance = 1e-12});
  INFO(hit.message);
  REQUIRE(hit.usable());
  for (Index n = 0; n <= 25; ++n) {
    const double expected = (1.0 - std::pow(down, n)) / (1.0 - std::pow(down, 25));
    CHECK(std::abs(hit.probability(n) - expected) <= *hit.error_bound + 1e-15);
  }
  CHECK(hit.probability(0) == 0.0);
  CHECK(hit.probability(25) == 1.0);
}

TEST_CASE("mean first passage up a birth-death chain", "[solvers][absorption]") {
  // From 0 to n with rates l, m: sum_{k<n} sum_{j<=k} (m/l)^(k-j) / l: Karlin, Taylor, A First Course in Stochastic
  // Processes, 4.7.
  const double down = 0.7;
  const Index capacity = 40;
  double expected = 0.0;
  double step = 0.0;
  for (Index k = 0; k < capacity; ++k) expected += step = 1.0 / 0.9 + down / 0.9 * step;
  const auto q = birth_death(
      capacity, [](Index) { return 0.9; }, [=](Index) { return down; });
  const auto time = hitting_time(q, {capacity});
  CHECK(time.mean_s(0) == Approx(expected).epsilon(1e-13));
}

TEST_CASE("where the time goes adds up to the time", "[solvers][absorption]") {
  const auto q = random_chain(80, 3, 0.1, 10.0, 41);
  const auto time = hitting_time(q, {17});
  for (const Method method : kMethods) {
    const auto occupancy = occupancy_until(q, {17}, point_mass(80, 3), {.method = method});
    REQUIRE(occupancy.usable());
    CHECK(std::abs(occupancy.time_s.sum() - time.mean_s(3)) <= *occupancy.error_bound + 1e-12 * time.mean_s(3));
    CHECK(occupancy.time_s(17) == 0.0);
    CHECK(occupancy.visits(3) >= 1.0 - 1e-12);
  }
}

TEST_CASE("two ends: probabilities of both add up", "[solvers][absorption]") {
  for (const Method method : kMethods) {
    const auto ends = absorption_probability(ruin(12, 1.0, 0.8), {.method = method, .tolerance = 1e-12});
    REQUIRE(ends.usable());
    REQUIRE(ends.probability.cols() == 2);
    CHECK((ends.probability.rowwise().sum().array() - 1.0).abs().maxCoeff() < 1e-11);
    CHECK(ends.probability.row(0).maxCoeff() == 1.0);
  }
}

TEST_CASE("sweeps keep within the error they prove", "[solvers][absorption]") {
  for (const NamedChain& chain : irreducible_chains()) {
    INFO(chain.name);
    const auto exact = hitting_time(chain.generator, {0});
    const auto swept = hitting_time(chain.generator, {0}, {.method = Method::kGaussSeidel, .tolerance = 1e-6});
    REQUIRE(swept.usable());
    CHECK(*swept.error_bound <= 3e-6);
    const Vector error = (swept.mean_s - exact.mean_s).cwiseAbs();
    CHECK((error.array() <= *swept.error_bound * exact.mean_s.array() + 1e-14).all());
  }
}

TEST_CASE("a target that may be missed takes forever", "[solvers][absorption]") {
  const auto q = ruin(4, 1.0, 1.0);
  const auto time = hitting_time(q, {4});
  REQUIRE(time.usable());
  CHECK(time.mean_s(4) == 0.0);
  CHECK(time.mean_s(2) == std::numeric_limits<double>::infinity());
  CHECK(time.mean_s(0) == std::numeric_limits<double>::infinity());
  const auto either = hitting_time(q, {0, 4});
  CHECK(either.mean_s(2) == Approx(2.0).epsilon(1e-14));  // n (N - n) / (up + down)
}

TEST_CASE("absorption: the wrong question is refused", "[solvers][absorption]") {
  const auto q = ruin(4, 1.0, 1.0);
  CHECK_THROWS_WITH(hitting_time(q, {}), "there is no target state");
  CHECK_THROWS_WITH(hitting_time(q, {9}), "target state 9 does not exist, the chain has states 0 to 4");
  CHECK_THROWS_WITH(occupancy_until(q, {4}, point_mass(5, 2)), "from state 2 the target states may never be reached");
  CHECK_THROWS_WITH(hitting_time(q, {4}, {.tolerance = -1.0}), "tolerance -1 is not > 0");
  CHECK_THROWS_WITH(hitting_time(q, {0, 4}, {.method = Method::kMultilevel}),
                    "method multilevel does not solve this problem");
}

TEST_CASE("too few sweeps prove too little", "[solvers][absorption]") {
  const auto time = hitting_time(mm1k(0.9, 60), {0}, {.method = Method::kGaussSeidel, .max_iterations = 10});
  CHECK_FALSE(time.usable());
  CHECK(time.termination == Termination::kIterationLimit);
}

}  // namespace windtunnel::solvers
