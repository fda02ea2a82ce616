// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/implicit_transient.h"

#include <cmath>

#include "solvers/csl/model_checking.h"
#include "solvers/transient/time_doubling.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

/// Machines that fail and are repaired on their own, each at its own speed; bit k of a state: machine k is down.
struct Machines {
  std::vector<double> failure_per_s;
  std::vector<double> repair_per_s;

  Index states() const { return Index{1} << failure_per_s.size(); }
  Generator chain() const {
    std::vector<Transition> transitions;
    for (Index state = 0; state < states(); ++state) {
      for (std::size_t k = 0; k < failure_per_s.size(); ++k) {
        const Index bit = Index{1} << k;
        const bool down = (state & bit) != 0;
        transitions.push_back({state, state ^ bit, down ? repair_per_s[k] : failure_per_s[k]});
      }
    }
    return {states(), transitions};
  }
  /// Of machine k at a time, all up at 0: lambda / (lambda + mu) (1 - e^(-(lambda + mu) t)).
  double down(std::size_t k, double time_s) const {
    const double sum = failure_per_s[k] + repair_per_s[k];
    return failure_per_s[k] / sum * -std::expm1(-sum * time_s);
  }
  double time_down_s(std::size_t k, double time_s) const {
    const double sum = failure_per_s[k] + repair_per_s[k];
    return failure_per_s[k] / sum * (time_s + std::expm1(-sum * time_s) / sum);
  }
};

/// Repairs from 1e3 to 1e-3 per second, failures from 1e-9 to 1e-3.
Machines stiff_machines(std::size_t count) {
  Machines machines;
  for (std::size_t k = 0; k < count; ++k) {
    const double share = static_cast<double>(k) / static_cast<double>(count - 1);
    machines.failure_per_s.push_back(std::pow(10.0, -9.0 + 6.0 * share));
    machines.repair_per_s.push_back(std::pow(10.0, 3.0 - 6.0 * share));
  }
  return machines;
}

Vector number_down(Index states) {
  Vector reward(states);
  for (Index i = 0; i < states; ++i) reward(i) = __builtin_popcountll(static_cast<unsigned long long>(i));
  return reward;
}

}  // namespace

TEST_CASE("Independent stiff machines follow their product form at and until every time", "[solvers][implicit]") {
  const Machines machines = stiff_machines(GENERATE(std::size_t{3}, std::size_t{7}));
  const double time_s = GENERATE(1e-4, 1.0, 1e3, 1e6);
  const Generator q = machines.chain();
  const PartialChain part(q);
  const Vector reward = number_down(q.states());
  double down = 0.0;
  double time_down_s = 0.0;
  for (std::size_t k = 0; k < machines.failure_per_s.size(); ++k) {
    down += machines.down(k, time_s);
    time_down_s += machines.time_down_s(k, time_s);
  }
  const SeriesSum at = value_by_implicit_steps(part, reward, time_s, {0});
  REQUIRE(at.usable());
  CHECK(*at.error_bound <= 1e-10);
  CHECK(std::abs(0.5 * (at.lower(0) + at.upper(0)) - down) <= *at.error_bound + 1e-15 * down);
  const SeriesSum until = integral_by_implicit_steps(part, reward, time_s, {0});
  REQUIRE(until.usable());
  CHECK(*until.error_bound <= std::max(1e-10, 1e-8 * time_down_s));
  CHECK(std::abs(0.5 * (until.lower(0) + until.upper(0)) - time_down_s) <= *until.error_bound + 1e-15 * time_down_s);
}

TEST_CASE("The probability of a first failure in common agrees with squared matrices", "[solvers][implicit]") {
  // Six machines, of which four down at once are the end.
  const Machines machines = stiff_machines(6);
  const Generator q = machines.chain();
  StateSet target(static_cast<std::size_t>(q.states()));
  std::vector<Index> inside;
  for (Index i = 0; i < q.states(); ++i) {
    const bool many = __builtin_popcountll(static_cast<unsigned long long>(i)) >= 4;
    target[static_cast<std::size_t>(i)] = many;
    if (!many) inside.push_back(i);
  }
  const PartialChain part(q, inside);
  const double time_s = GENERATE(1.0, 1e5, 1e9);
  const SeriesSum implicit = passage_by_implicit_steps(part, target, time_s, {0});
  const SeriesSum doubled = value_by_doubling(part, Vector::Zero(part.states()), target, time_s);
  REQUIRE(implicit.usable());
  REQUIRE(doubled.usable());
  for (Index i = 0; i < part.states(); ++i) {
    CHECK(implicit.lower(i) <= doubled.upper(i));
    CHECK(doubled.lower(i) <= implicit.upper(i));
  }
}

TEST_CASE("Rate ratios of 1e12 and a chain of one speed take implicit steps as well", "[solvers][implicit]") {
  // Two states; and a ring of 40, whose solution swings: P(Erlang counts) is what uniformization gives.
  const double failure_per_s = 1e-9;
  const double repair_per_s = 1e3;
  const Machines one{{failure_per_s}, {repair_per_s}};
  const Generator two = one.chain();
  const SeriesSum spent = integral_by_implicit_steps(PartialChain(two), number_down(2), 1e9, {0});
  REQUIRE(spent.usable());
  CHECK(std::abs(0.5 * (spent.lower(0) + spent.upper(0)) - one.time_down_s(0, 1e9)) <= *spent.error_bound);

  std::vector<Transition> transitions;
  for (Index i = 0; i < 40; ++i) transitions.push_back({i, (i + 1) % 40, 1.0});
  const Generator ring(40, transitions);
  Vector reward = Vector::Zero(40);
  reward(20) = 1.0;
  const PartialChain whole(ring);
  const SeriesSum series = sum_series(whole, reward, SeriesWeights::at_time(1.02 * 1500.0), {0});
  const SeriesSum implicit = value_by_implicit_steps(whole, reward, 1500.0, {0});
  REQUIRE(implicit.usable());
  CHECK(implicit.lower(0) <= series.upper(0));
  CHECK(series.lower(0) <= implicit.upper(0));
}

TEST_CASE("A stiff chain of 1,024 states is answered whatever is asked within a time", "[solvers][implicit]") {
  const Machines machines = stiff_machines(10);
  LabelledChain chain{.generator = machines.chain()};
  const Index states = chain.states();
  chain.rewards.push_back({.state_reward_per_s = number_down(states), .transition_reward_per_s = Vector::Zero(states)});
  const double time_s = 1e6;
  Query query{.kind = QueryKind::kReward};
  query.reward = {.reward_operator = RewardOperator::kInstantaneous, .time_s = time_s};
  const CheckResult at = check(chain, query);
  REQUIRE(at.usable());
  double down = 0.0;
  for (std::size_t k = 0; k < 10; ++k) down += machines.down(k, time_s);
  CHECK(std::abs(at.value - down) <= *at.error_bound);

  // The slowest machine is down at some time in [t1, t2], though it was up until t1: one exponential time.
  Query interval{.kind = QueryKind::kProbability};
  StateSet up(static_cast<std::size_t>(states));
  StateSet slow_down(static_cast<std::size_t>(states));
  for (Index i = 0; i < states; ++i) {
    up[static_cast<std::size_t>(i)] = (i & 1) == 0;
    slow_down[static_cast<std::size_t>(i)] = (i & 1) != 0;
  }
  interval.path = {.left = up, .right = slow_down, .time = {.lower_s = 1e4, .upper_s = time_s}};
  const CheckResult within = check(chain, interval);
  REQUIRE(within.usable());
  const double rate = machines.failure_per_s[0];
  const double exact = std::exp(-rate * 1e4) * -std::expm1(-rate * (time_s - 1e4));
  CHECK(std::abs(within.value - exact) <= *within.error_bound);
}

}  // namespace windtunnel::solvers
