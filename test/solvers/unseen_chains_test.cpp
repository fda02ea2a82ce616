// SPDX-License-Identifier: Apache-2.0
// Large chains nobody has tuned anything for, with answers from closed forms: shuffled, nearly decomposable, with
// rewards and probabilities at the ends of the range.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "bench/reference_models.h"
#include "solvers/chain/state_order.h"
#include "solvers/csl/model_checking.h"
#include "solvers/long_run/certified_average.h"
#include "solvers/passage/certified_boundary_value.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

// std::shuffle differs between libraries; this does not.
std::vector<Index> shuffled(Index states, unsigned seed) {
  std::vector<Index> order(static_cast<std::size_t>(states));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(seed);
  for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[random() % k]);
  return order;
}

/// 0 -> 1 -> ... -> n - 1 -> 0 at the given rates, states numbered as they come in `order`.
Generator ring(const std::vector<Index>& order, const std::vector<double>& rate_per_s) {
  std::vector<Transition> transitions;
  const auto n = order.size();
  for (std::size_t k = 0; k < n; ++k) transitions.push_back({order[k], order[(k + 1) % n], rate_per_s[k]});
  return Generator(static_cast<Index>(n), transitions);
}

/// Three clusters; in each, every state goes to two states picked by random permutations (so that all are equally
/// likely), and to its like in the next cluster at `coupling` (1, 2, 4).
Generator three_clusters(Index size, double coupling) {
  std::vector<Transition> transitions;
  for (Index cluster = 0; cluster < 3; ++cluster) {
    const Index first = cluster * size;
    for (const unsigned seed : {1U, 2U}) {
      const std::vector<Index> next = shuffled(size, 2 * static_cast<unsigned>(cluster) + seed);
      for (Index k = 0; k < size; ++k) {
        const Index to = next[static_cast<std::size_t>(k)];
        if (to != k) transitions.push_back({first + k, first + to, static_cast<double>(seed)});
      }
    }
    for (Index k = 0; k < size; ++k) {
      transitions.push_back({first + k, (cluster + 1) % 3 * size + k, coupling * std::exp2(cluster)});
    }
  }
  return Generator(3 * size, transitions);
}

}  // namespace

TEST_CASE("A stiff chain has the same average in any order of its states", "[solvers][large]") {
  // Where sweeps carry news along the order the cycles did well; shuffled they ended without an answer.
  const auto mainframe = bench::explore_mainframe(20, 4);
  const Index states = mainframe.generator.states();
  Vector jobs(states);
  for (Index i = 0; i < states; ++i) jobs(i) = mainframe.states[static_cast<std::size_t>(i)].jobs;
  const auto given = solve_certified_average(PartialChain(mainframe.generator), jobs);
  const auto mixed = solve_certified_average(PartialChain(mainframe.generator, shuffled(states, 5)), jobs);
  REQUIRE(given.usable());
  REQUIRE(mixed.usable());
  CHECK(mixed.bounds.lower <= given.bounds.upper);
  CHECK(given.bounds.lower <= mixed.bounds.upper);
}

TEST_CASE("Random clusters coupled at 1e-11: the shares of the clusters are those of a ring", "[solvers][large]") {
  const Index size = 4'000;
  const Generator q = three_clusters(size, 1e-11);
  Vector reward = Vector::Zero(q.states());
  reward.head(size / 4).setOnes();
  // Shares of the clusters are as 1 : 1/2 : 1/4.
  const auto found = solve_certified_average(PartialChain(q), reward);
  REQUIRE(found.usable());
  CHECK(found.bounds.lower <= 1.0 / 7);
  CHECK(found.bounds.upper >= 1.0 / 7);
}

TEST_CASE("A shuffled ring of wild rates is walked in its own order", "[solvers][large]") {
  const Index states = 20'000;
  std::mt19937 random(3);
  std::vector<double> rate_per_s;
  double total_s = 0.0;
  for (Index k = 0; k < states; ++k) {
    rate_per_s.push_back(std::exp2(static_cast<double>(random() % 40) - 20.0));
    if (k + 1 < states) total_s += 1.0 / rate_per_s.back();
  }
  const std::vector<Index> order = shuffled(states, 4);
  const Generator q = ring(order, rate_per_s);
  std::vector<Index> inside(order.begin(), order.end() - 1);
  std::sort(inside.begin(), inside.end());
  const BoundaryValue found =
      solve_boundary_value(q, inside, {order.front()}, Vector::Ones(states), Vector::Zero(states));
  REQUIRE(found.usable());
  CHECK(found.method_used == Method::kGth);
  const Interval bounds = found.bounds(order.front());
  // The sum above is exact: powers of two over 41 places.
  CHECK(bounds.lower <= total_s);
  CHECK(bounds.upper >= total_s);
  CHECK(bounds.width() <= 1e-9 * total_s);
}

TEST_CASE("A part in any order of its states has sorted rows and the answers of the chain", "[solvers]") {
  // 3 -> 0, 2, 1 and out of each at its own rate.
  const Generator q(5, std::vector<Transition>{{3, 0, 8.0}, {3, 1, 2.0}, {3, 2, 4.0}, {3, 4, 2.0}, {0, 4, 1e-6}});
  const PartialChain part(q, {2, 0, 1, 3});
  REQUIRE(part.rates().row(3).size() == 3);
  for (Index k = 0; k < 3; ++k) CHECK(part.rates().row(3)[k].state == k);
  CHECK(part.rates().row(3)[0].rate_per_s == 4.0);
  CHECK(part.rates().row(3)[1].rate_per_s == 8.0);
  CHECK(part.rates().row(3)[2].rate_per_s == 2.0);
}

TEST_CASE("States are scattered when a search brings neighbours together", "[solvers]") {
  const std::vector<double> rate_per_s(1'000, 1.0);
  std::vector<Index> own(1'000);
  std::iota(own.begin(), own.end(), 0);
  const Generator in_order = ring(own, rate_per_s);
  const Generator mixed = ring(shuffled(1'000, 9), rate_per_s);
  CHECK_FALSE(scattered(in_order.outgoing(), order_towards(in_order.incoming(), {7})));
  CHECK(scattered(mixed.outgoing(), order_towards(mixed.incoming(), {7})));
}

TEST_CASE("Probabilities below the range of doubles are not claimed to be above 0", "[solvers]") {
  // Up at 1, down at 1000: from 1 to 150 before 0 is 1e-447.
  const Generator q = birth_death(
      150, [](Index) { return 1.0; }, [](Index) { return 1000.0; });
  std::vector<Index> inside(149);
  std::iota(inside.begin(), inside.end(), 1);
  Vector given = Vector::Zero(151);
  given(150) = 1.0;
  const BoundaryValue found = solve_boundary_value(q, inside, {1}, Vector::Zero(151), given);
  REQUIRE(found.usable());
  CHECK(found.bounds(1).lower == 0.0);
  CHECK(found.bounds(1).upper < 1e-250);
}

TEST_CASE("A series keeps the tails that an unlikely large reward calls for", "[solvers][transient]") {
  // 600 independent units, fail 1e-3, repaired 10; 1 while none is down, 1e12 while all are.
  LabelledChain chain{.generator = birth_death(
                          600, [](Index down) { return 1e-3 * static_cast<double>(600 - down); },
                          [](Index down) { return 10.0 * static_cast<double>(down); })};
  RewardStructure structure{.state_reward_per_s = Vector::Zero(601), .transition_reward_per_s = Vector::Zero(601)};
  structure.state_reward_per_s(0) = 1.0;
  structure.state_reward_per_s(600) = 1e12;
  chain.rewards.push_back(structure);
  Query query{.kind = QueryKind::kReward};
  query.reward.reward_operator = RewardOperator::kInstantaneous;
  query.reward.time_s = 0.01;
  const CheckResult found = check(chain, query);
  const double down = 1e-3 / 10.001 * -std::expm1(-0.10001);
  const double exact = std::exp(600 * std::log1p(-down));
  REQUIRE(found.usable());
  CHECK(found.method_used == Method::kUniformization);
  CHECK(found.lower <= exact * (1 + 1e-12));
  CHECK(found.upper >= exact * (1 - 1e-12));
}

}  // namespace windtunnel::solvers
