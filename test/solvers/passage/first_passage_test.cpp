// SPDX-License-Identifier: Apache-2.0
#include "solvers/passage/first_passage.h"

#include <cmath>
#include <limits>

#include "solvers/chain/initial_distribution.h"
#include "solvers/csl/model_checking.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/passage/absorption.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

FirstPassage erlang_time(Index stages, double rate, const FirstPassageOptions& options = {}) {
  std::vector<Transition> transitions;
  for (Index k = 0; k < stages; ++k) transitions.push_back({k, k + 1, rate});
  return FirstPassage(Generator(stages + 1, transitions), {stages}, point_mass(stages + 1, 0), options);
}

/// 0 goes to 1 at rate 3 or to 2 at rate 1; both are absorbing.
Generator race() {
  const std::vector<Transition> transitions = {{0, 1, 3.0}, {0, 2, 1.0}};
  return Generator(3, transitions);
}

}  // namespace

TEST_CASE("an exponential time: distribution and quantiles", "[solvers][first_passage]") {
  auto passage = erlang_time(1, 0.25);
  for (const double t : {0.0, 1e-9, 0.1, 3.0, 50.0}) {
    const auto at = passage.within(t);
    REQUIRE(at.usable());
    CHECK(at.reached == Approx(-std::expm1(-0.25 * t)).epsilon(1e-11).margin(1e-300));
    CHECK(std::abs(at.not_reached - std::exp(-0.25 * t)) <= *at.error_bound);
  }
  for (const double level : {1e-6, 0.5, 0.99, 0.999999}) {
    const auto quantile = passage.quantile(level);
    REQUIRE(quantile.usable());
    CHECK(quantile.time_s == Approx(-std::log1p(-level) / 0.25).epsilon(1e-7));
    CHECK(*quantile.error_bound < 1e-12);
  }
}

TEST_CASE("tails are known relative to themselves, after a million ticks", "[solvers][first_passage]") {
  // Two states that change places a thousand times per second, and fail at 0.01 /s: exponential.
  const std::vector<Transition> transitions = {{0, 1, 1e3}, {1, 0, 1e3}, {0, 2, 0.01}, {1, 2, 0.01}};
  LabelledChain chain{.generator = Generator(3, transitions)};
  const double level = GENERATE(0.99, 0.9999, 0.999999);
  const double expected = -std::log1p(-level) / 0.01;
  FirstPassage passage(chain.generator, {2}, point_mass(3, 0));
  const auto there = passage.within(expected);
  CHECK(std::abs(there.not_reached - std::exp(-0.01 * expected)) <= there.not_reached_error);
  CHECK(there.not_reached_error < 1e-8 * there.not_reached + 1e-12);
  Query query{.kind = QueryKind::kPassageTime};
  query.passage = {.target = {false, false, true}, .measure = PassageMeasure::kQuantile, .level = level};
  const CheckResult found = check(chain, query);
  CHECK(found.usable());
  CHECK(found.lower <= expected);
  CHECK(found.upper >= expected);
}

TEST_CASE("a probability of 1e-22 keeps its digits", "[solvers][first_passage]") {
  // Erlang(5): F(t) = t^5 / 120 (1 - 5 t / 6 + ...), small t.
  auto passage = erlang_time(5, 1.0);
  const double t = 1e-4;
  auto sharp = erlang_time(5, 1.0, {.tolerance = 1e-40});
  const double expected = std::pow(t, 5) / 120.0 * (1.0 - 5.0 / 6.0 * t + 5.0 / 14.0 * t * t);
  CHECK(sharp.within(t).reached == Approx(expected).epsilon(1e-11));
  CHECK(std::abs(passage.within(t).reached - expected) <= *passage.within(t).error_bound);
}

TEST_CASE("the integral of the survival function is the mean", "[solvers][first_passage]") {
  const auto q = random_chain(40, 3, 0.1, 10.0, 51);
  FirstPassage passage(q, {7}, point_mass(40, 0));
  const double mean = hitting_time(q, {7}).mean_s(0);
  // Simpson's rule over 40 means, where the tail is far below its error: 1e-5 with steps as long as the fastest holding
  // times.
  const int intervals = 4000;
  const double width = 40.0 * mean / intervals;
  double integral = 0.0;
  for (int k = 0; k <= intervals; ++k) {
    const double weight = k == 0 || k == intervals ? 1.0 : (k % 2 == 1 ? 4.0 : 2.0);
    integral += weight * passage.within(k * width).not_reached;
  }
  CHECK(integral * width / 3.0 == Approx(mean).epsilon(1e-5));
}

TEST_CASE("distribution and quantile are inverse", "[solvers][first_passage]") {
  FirstPassage passage(tandem(6, 0.7, 1.0, 0.9), {20}, point_mass(49, 0));
  double before = 0.0;
  for (const double level : {0.01, 0.3, 0.5, 0.7, 0.9, 0.99}) {
    const auto quantile = passage.quantile(level);
    REQUIRE(quantile.usable());
    CHECK(passage.within(quantile.time_s).reached == Approx(level).epsilon(1e-10));
    CHECK(quantile.time_s > before);
    before = quantile.time_s;
  }
}

TEST_CASE("a race that may be lost has no late quantiles", "[solvers][first_passage]") {
  FirstPassage passage(race(), {1}, point_mass(3, 0));
  // P(T <= t) = 3/4 (1 - e^-4t).
  CHECK(passage.within(0.2).reached == Approx(0.75 * -std::expm1(-0.8)).epsilon(1e-11));
  CHECK(passage.within(100.0).not_reached == Approx(0.25).epsilon(1e-11));
  CHECK(passage.quantile(0.6).time_s == Approx(-0.25 * std::log(1.0 - 0.6 / 0.75)).epsilon(1e-9));
  CHECK(passage.quantile(0.8).time_s == std::numeric_limits<double>::infinity());
}

TEST_CASE("who starts on the target is there", "[solvers][first_passage]") {
  FirstPassage passage(race(), {0}, point_mass(3, 0));
  CHECK(passage.within(0.0).reached == 1.0);
  CHECK(passage.quantile(0.5).time_s == 0.0);
}

TEST_CASE("first passage: wrong input and too little work", "[solvers][first_passage]") {
  auto passage = erlang_time(3, 1.0);
  CHECK_THROWS_WITH(passage.within(-1.0), "time -1 s is not finite and >= 0");
  CHECK_THROWS_WITH(passage.quantile(1.0), "level 1 is not between 0 and 1");
  CHECK_THROWS_WITH(FirstPassage(race(), {5}, point_mass(3, 0)),
                    "target state 5 does not exist, the chain has states 0 to 2");
  FirstPassage hurried(mm1k(0.5, 30), {30}, point_mass(31, 0), {.max_iterations = 100});
  CHECK_FALSE(hurried.within(1e6).usable());
  const auto quantile = hurried.quantile(0.5);
  CHECK_FALSE(quantile.usable());
  CHECK(quantile.message == "P(T <= t) does not reach 0.5 within 100 products");
}

}  // namespace windtunnel::solvers
