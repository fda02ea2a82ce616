// SPDX-License-Identifier: Apache-2.0
#include "solvers/simulation/simulate_chain.h"

#include <cmath>
#include <vector>

#include "solvers/numerics/chain_error.h"
#include "solvers/phase_type/phase_type_curve.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

// 99.99 % intervals with fixed seeds.
constexpr double kConfidence = 0.9999;

Generator mm1k(double arrival_per_s, double service_per_s, Index capacity) {
  std::vector<Transition> transitions;
  for (Index i = 0; i < capacity; ++i) {
    transitions.push_back({i, i + 1, arrival_per_s});
    transitions.push_back({i + 1, i, service_per_s});
  }
  return Generator(capacity + 1, transitions);
}

}  // namespace

TEST_CASE("The simulated M/M/1/K agrees with its closed form", "[solvers][simulate_chain]") {
  const double arrival = GENERATE(0.4, 0.9, 1.3);
  const int capacity = 6;
  const Generator q = mm1k(arrival, 1.0, capacity);
  const FiniteQueue exact = mmck(arrival, 1.0, 1, capacity);
  const LongRunSimulationOptions options{.warm_up_s = 200.0, .batch_s = 2000.0, .confidence = kConfidence, .seed = 17};
  const LongRunSimulation customers = simulate_long_run(q, 0, Vector::LinSpaced(capacity + 1, 0, capacity), options);
  CHECK(customers.reward.contains(exact.averages.customers));
  CHECK(customers.reward.high - customers.reward.low < 0.2 * exact.averages.customers);
  // 4 / sqrt(32 batches).
  CHECK(std::abs(customers.batch_correlation) < 0.7);
  const LongRunSimulation full = simulate_long_run(q, 0, Vector::Unit(capacity + 1, capacity), options);
  CHECK(full.reward.contains(exact.blocking_probability));
}

TEST_CASE("Passage times of a row of phases follow the Erlang distribution", "[solvers][simulate_chain]") {
  std::vector<Transition> transitions;
  for (Index i = 0; i < 4; ++i) transitions.push_back({i, i + 1, 3.0});
  const Generator q(5, transitions);
  const FirstPassageSamples samples = simulate_first_passage(q, 0, {false, false, false, false, true});
  PhaseTypeCurve exact(erlang(4, 3.0));
  CHECK(samples.mean_s(kConfidence).contains(4.0 / 3.0));
  for (const double p : {0.1, 0.5, 0.9, 0.99}) CHECK(samples.quantile_s(p, kConfidence).contains(exact.quantile_s(p)));
}

TEST_CASE("Two of three with one crew fail after (5 l + m) / (6 l^2)", "[solvers][simulate_chain]") {
  // reliability: first passage up a birth-death chain; l = 1, m = 100: 17.5.
  const Generator q(3, std::vector<Transition>{{0, 1, 3.0}, {1, 0, 100.0}, {1, 2, 2.0}});
  CHECK(simulate_first_passage(q, 0, {false, false, true}).mean_s(kConfidence).contains(17.5));
}

TEST_CASE("An absorbing state keeps its reward for ever", "[solvers][simulate_chain]") {
  const Generator q(2, std::vector<Transition>{{0, 1, 10.0}});
  const LongRunSimulation result = simulate_long_run(q, 0, Vector::Unit(2, 1), {.warm_up_s = 100.0, .batch_s = 1.0});
  CHECK(result.reward.value == 1.0);
  CHECK(result.jumps == 1);
}

TEST_CASE("Impossible simulations are refused", "[solvers][simulate_chain]") {
  const Generator q(3, std::vector<Transition>{{0, 1, 1.0}, {0, 2, 1.0}});
  const Vector reward = Vector::Ones(3);
  CHECK_THROWS_AS(simulate_long_run(q, 3, reward, {.batch_s = 1.0}), ChainError);
  CHECK_THROWS_WITH(simulate_long_run(q, 3, reward, {.batch_s = 1.0}),
                    "initial state 3 does not exist, expected 0 to 2");
  CHECK_THROWS_WITH(simulate_long_run(q, 0, Vector::Ones(2), {.batch_s = 1.0}), "2 rewards for 3 states");
  CHECK_THROWS_WITH(simulate_long_run(q, 0, reward, {}), "batch_s 0, expected above 0");
  CHECK_THROWS_WITH(simulate_first_passage(q, 0, {false, true, false}), "state 2 is reached and cannot reach a goal");
}
