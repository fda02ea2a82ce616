// SPDX-License-Identifier: Apache-2.0
#include "solvers/long_run/long_run.h"

#include "solvers/chain/initial_distribution.h"
#include "solvers/long_run/long_run_average.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

/// 0 goes to the pair {1, 2} at rate 3 or to the absorbing 3 at rate 1.
Generator fork() {
  const std::vector<Transition> transitions = {{0, 1, 3.0}, {0, 3, 1.0}, {1, 2, 2.0}, {2, 1, 4.0}};
  return Generator(4, transitions);
}

Vector queue_lengths(Index states) {
  return Vector::LinSpaced(states, 0.0, static_cast<double>(states - 1));
}

}  // namespace

TEST_CASE("a chain with two ends is shared out between them", "[solvers][long_run]") {
  const auto solution = solve_long_run(fork(), point_mass(4, 0));
  REQUIRE(solution.usable());
  CHECK(solution.probability(0) == 0.0);
  CHECK(solution.probability(1) == Approx(0.75 * 4.0 / 6.0).epsilon(1e-14));
  CHECK(solution.probability(2) == Approx(0.75 * 2.0 / 6.0).epsilon(1e-14));
  CHECK(solution.probability(3) == Approx(0.25).epsilon(1e-14));
}

TEST_CASE("the initial distribution decides between the ends", "[solvers][long_run]") {
  Vector initial(4);
  initial << 0.4, 0.0, 0.0, 0.6;
  const auto solution = solve_long_run(fork(), initial);
  CHECK(solution.probability(3) == Approx(0.6 + 0.4 * 0.25).epsilon(1e-14));
  CHECK(solution.class_probability.sum() == Approx(1.0).epsilon(1e-14));
}

TEST_CASE("an irreducible chain forgets where it began", "[solvers][long_run]") {
  for (const NamedChain& chain : irreducible_chains()) {
    INFO(chain.name);
    const auto solution = solve_long_run(chain.generator, point_mass(chain.states, 5));
    REQUIRE(solution.usable());
    CHECK(solution.probability == solve_stationary(chain.generator).probability);
  }
}

TEST_CASE("Odoni's bounds hold for any bias", "[solvers][long_run]") {
  for (const NamedChain& chain : irreducible_chains()) {
    INFO(chain.name);
    const Vector reward = queue_lengths(chain.states);
    const double average = solve_stationary(chain.generator).probability.dot(reward);
    for (const double slope : {0.0, 1.0, -3.0, 1e6}) {
      const Vector bias = slope * reward.array().sin();
      const Interval bounds = long_run_average_bound(chain.generator, reward, bias);
      CHECK(bounds.lower <= average);
      CHECK(bounds.upper >= average);
    }
  }
}

TEST_CASE("long-run averages come with tight bounds by every method", "[solvers][long_run]") {
  for (const NamedChain& chain : irreducible_chains()) {
    const Vector reward = queue_lengths(chain.states);
    const double exact = solve_stationary(chain.generator, {.method = Method::kGth}).probability.dot(reward);
    for (const Method method : {Method::kGth, Method::kBandedGth, Method::kGaussSeidel, Method::kMultilevel}) {
      const auto average = solve_long_run_average(
          chain.generator, reward, {.stationary = {.method = method, .tolerance = 1e-14}, .tolerance = 1e-8});
      INFO(chain.name << ", " << to_string(method) << ": " << average.message);
      REQUIRE(average.usable());
      CHECK(average.bounds.lower <= exact * (1.0 + 1e-14));
      CHECK(average.bounds.upper >= exact * (1.0 - 1e-14));
      CHECK(average.bounds.width() <= 1e-8 * reward.maxCoeff());
    }
  }
}

TEST_CASE("the bias gives the derivative of an average", "[solvers][long_run]") {
  // Mean of M/M/1/20 by the arrival rate; d(pi f)/d lambda = sum_i pi_i (g(i+1) - g(i)); reference: central difference.
  const Index capacity = 20;
  const Vector length = queue_lengths(capacity + 1);
  const auto mean = [&](double rho) { return solve_stationary(mm1k(rho, capacity)).probability.dot(length); };
  const auto average = solve_long_run_average(mm1k(0.8, capacity), length);
  double derivative = 0.0;
  for (Index n = 0; n < capacity; ++n) {
    derivative += average.stationary.probability(n) * (average.bias(n + 1) - average.bias(n));
  }
  CHECK(derivative == Approx((mean(0.8 + 1e-5) - mean(0.8 - 1e-5)) / 2e-5).epsilon(1e-8));
}

TEST_CASE("a reward of the wrong size is refused", "[solvers][long_run]") {
  CHECK_THROWS_WITH(solve_long_run_average(mm1k(0.5, 3), Vector::Ones(3)),
                    "reward has 3 entries, the chain has 4 states");
}

}  // namespace windtunnel::solvers
