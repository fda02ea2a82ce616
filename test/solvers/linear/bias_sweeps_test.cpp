// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/bias_sweeps.h"

#include <cmath>

#include "solvers/chain/generator.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

using namespace windtunnel::solvers;

namespace {

constexpr Index kStates = 400;
constexpr double kForward = 1.0;
constexpr double kBack = 0.02;

/// From each state to the next, and back to the first from all of them: transitions lead up, sweeps down meet them
/// first.
Generator climb() {
  GeneratorBuilder builder;
  for (Index i = 0; i < kStates; ++i) {
    if (i > 0) builder.add(0, kBack);
    if (i + 1 < kStates) builder.add(i + 1, kForward);
    builder.finish_state();
  }
  return std::move(builder).build();
}

BiasSweeps::Outcome swept(const Generator& q, const Vector& reward, SweepDirection direction) {
  const PartialChain chain(q);
  const Vector weight = chain.exit_per_s().cwiseInverse();
  return BiasSweeps(chain, weight, direction, 100.0).solve(reward, {.span_per_s = 1e-13});
}

}  // namespace

TEST_CASE("sweeps find the average whichever way they go", "[solvers][bias_sweeps]") {
  const Generator q = climb();
  Vector reward = Vector::Zero(kStates);
  reward(7) = 1.0;
  // Balance: pi_0 is what comes back over what leaves, (pi_i) a geometric row after it.
  const double survives = kForward / (kForward + kBack);
  const double first = kBack / (kForward + kBack);
  const double average = first * std::pow(survives, 7);
  for (const SweepDirection direction :
       {SweepDirection::kBoth, SweepDirection::kAscending, SweepDirection::kDescending}) {
    const BiasSweeps::Outcome outcome = swept(q, reward, direction);
    CAPTURE(static_cast<int>(direction), outcome.iterations, outcome.span_per_s);
    CHECK_FALSE(outcome.gave_up);
    CHECK(outcome.average_per_s == Approx(average).epsilon(1e-9));
  }
}

TEST_CASE("one way is enough where it meets successors first", "[solvers][bias_sweeps]") {
  const Generator q = climb();
  Vector reward = Vector::Zero(kStates);
  reward(kStates - 1) = 1.0;
  const auto down = swept(q, reward, SweepDirection::kDescending).iterations;
  CHECK(down <= swept(q, reward, SweepDirection::kBoth).iterations);
  CHECK(down < swept(q, reward, SweepDirection::kAscending).iterations);
}

TEST_CASE("a slow beginning is no reason to give up", "[solvers][bias_sweeps]") {
  // The error of the full queue travels for some fifty sweeps before it begins to vanish.
  const Generator q = mm1k(0.3, 110);
  const PartialChain chain(q);
  Vector weight(111);
  for (Index i = 0; i <= 110; ++i) weight(i) = std::pow(0.3, static_cast<double>(i));
  Vector reward = Vector::Zero(111);
  reward(0) = 1.0;
  BiasSweeps sweeps(chain, weight, SweepDirection::kAscending);
  const BiasSweeps::Outcome outcome = sweeps.solve(reward, {.span_per_s = 1e-12});
  CHECK_FALSE(outcome.gave_up);
  CHECK(outcome.average_per_s == Approx(0.7).epsilon(1e-12));
}

TEST_CASE("sweeps end where roundings are all that is left", "[solvers][bias_sweeps]") {
  const Generator q = random_chain(200, 3, 1e-3, 1e3, 5);
  const PartialChain chain(q);
  const Vector weight = chain.exit_per_s().cwiseInverse();
  const Vector reward = Vector::LinSpaced(200, 0.0, 1e6);
  // The last of them less than doubles can tell.
  for (const double target : {1e-8, 1e-9, 1e-10, 1e-11, 1e-12}) {
    BiasSweeps sweeps(chain, weight, SweepDirection::kBoth, 100.0);
    const BiasSweeps::Outcome outcome = sweeps.solve(reward, {.span_per_s = target});
    CAPTURE(target, outcome.span_per_s, outcome.iterations);
    CHECK(outcome.gave_up == (outcome.span_per_s > target));
    CHECK(outcome.iterations < 1000);
  }
}
