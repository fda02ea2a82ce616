// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/transient.h"

#include <cmath>

#include "solvers/chain/initial_distribution.h"
#include "solvers/long_run/stationary.h"
#include "solvers/numerics/chain_error.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

constexpr double kFailure = 0.3;
constexpr double kRepair = 2.0;

Generator up_down() {
  const std::vector<Transition> transitions = {{0, 1, kFailure}, {1, 0, kRepair}};
  return Generator(2, transitions);
}

/// P(down at t | up at 0) = l / (l + m) (1 - e^-(l+m)t): Trivedi, Probability and Statistics, section 8.2.
double down(double time_s) {
  return kFailure / (kFailure + kRepair) * -std::expm1(-(kFailure + kRepair) * time_s);
}

}  // namespace

TEST_CASE("a component that fails and is repaired", "[solvers][transient]") {
  const std::vector<double> times_s = {0.0, 1e-12, 0.01, 0.5, 3.0, 100.0};
  const auto solution = solve_transient(up_down(), point_mass(2, 0), times_s, {.with_sojourn = true});
  REQUIRE(solution.usable());
  REQUIRE(solution.error_bound.has_value());
  CHECK(*solution.error_bound < 2e-12);
  for (std::size_t k = 0; k < times_s.size(); ++k) {
    const double t = times_s[k];
    CHECK(std::abs(solution.probability[k](1) - down(t)) <= *solution.error_bound);
    CHECK(solution.probability[k](1) == Approx(down(t)).epsilon(1e-11).margin(1e-30));
    // The integral of down(t).
    const double rate = kFailure + kRepair;
    const double down_time = kFailure / rate * (t + std::expm1(-rate * t) / rate);
    CHECK(std::abs(solution.sojourn_s[k](1) - down_time) <= solution.sojourn_error_bound_s + 1e-15);
    CHECK(std::abs(solution.sojourn_s[k].sum() - t) <= solution.sojourn_error_bound_s + 1e-15 * t);
  }
}

TEST_CASE("independent lifetimes make a binomial", "[solvers][transient]") {
  // Twenty components, each alive at t with probability e^-t.
  const Index n = 20;
  std::vector<Transition> deaths;
  for (Index k = 0; k < n; ++k) deaths.push_back({k, k + 1, static_cast<double>(n - k)});
  const double t = GENERATE(0.001, 0.7, 5.0);
  const auto solution = solve_transient(Generator(n + 1, deaths), point_mass(n + 1, 0), {t});
  REQUIRE(solution.usable());
  const double dead = -std::expm1(-t);
  double binomial = std::exp(-static_cast<double>(n) * t);
  for (Index k = 0; k <= n; ++k) {
    CHECK(std::abs(solution.probability[0](k) - binomial) <= *solution.error_bound);
    binomial *= static_cast<double>(n - k) / static_cast<double>(k + 1) * dead / std::exp(-t);
  }
}

TEST_CASE("two steps of time are one", "[solvers][transient]") {
  const auto q = random_chain(60, 3, 0.1, 10.0, 31);
  const auto both = solve_transient(q, point_mass(60, 4), {0.8, 2.0});
  Vector half = both.probability[0] / both.probability[0].sum();
  const auto rest = solve_transient(q, half, {1.2});
  CHECK((rest.probability[0] - both.probability[1]).cwiseAbs().sum() < 1e-11);
}

TEST_CASE("many times in one pass are the same as one by one", "[solvers][transient]") {
  const auto q = random_chain(60, 3, 0.1, 10.0, 32);
  const std::vector<double> times_s = {5.0, 0.2, 1.0};
  const auto together = solve_transient(q, point_mass(60, 0), times_s, {.with_sojourn = true});
  for (std::size_t k = 0; k < times_s.size(); ++k) {
    const auto alone = solve_transient(q, point_mass(60, 0), {times_s[k]}, {.with_sojourn = true});
    CHECK(alone.probability[0] == together.probability[k]);
    CHECK(alone.sojourn_s[0] == together.sojourn_s[k]);
  }
}

TEST_CASE("late times find the stationary distribution", "[solvers][transient]") {
  const auto q = random_chain(60, 3, 0.1, 10.0, 33);
  const auto late = solve_transient(q, point_mass(60, 0), {2000.0});
  const auto stationary = solve_stationary(q);
  CHECK((late.probability[0] - stationary.probability).cwiseAbs().sum() < *late.error_bound + 1e-12);
  CHECK(std::abs(late.probability[0].sum() - 1.0) <= *late.error_bound);
}

TEST_CASE("a chain that never moves stays", "[solvers][transient]") {
  const auto solution = solve_transient(Generator(2, {}), point_mass(2, 1), {7.0}, {.with_sojourn = true});
  REQUIRE(solution.usable());
  CHECK(solution.probability[0](1) == 1.0);
  CHECK(solution.sojourn_s[0](1) == 7.0);
}

TEST_CASE("too long a time is not an answer", "[solvers][transient]") {
  const auto solution = solve_transient(up_down(), point_mass(2, 0), {1e6}, {.max_iterations = 1000});
  CHECK_FALSE(solution.usable());
  CHECK(solution.termination == Termination::kIterationLimit);
  CHECK_THAT(solution.message, ContainsSubstring("products, 1000 allowed"));
}

TEST_CASE("wrong initial distributions and times are named", "[solvers][transient]") {
  const auto q = up_down();
  CHECK_THROWS_WITH(solve_transient(q, Vector::Ones(3), {1.0}),
                    "the initial distribution has 3 entries, the chain has 2 states");
  CHECK_THROWS_WITH(solve_transient(q, Vector::Ones(2), {1.0}), "the initial probabilities sum to 2, not to 1");
  Vector negative(2);
  negative << 1.5, -0.5;
  CHECK_THROWS_WITH(solve_transient(q, negative, {1.0}), "initial probability -0.5 of state 1 is not >= 0");
  CHECK_THROWS_WITH(solve_transient(q, point_mass(2, 0), {-1.0}), "time -1 s is not finite and >= 0");
  CHECK_THROWS_WITH(point_mass(2, 2), "initial state 2 does not exist, the chain has states 0 to 1");
}

}  // namespace windtunnel::solvers
