// SPDX-License-Identifier: Apache-2.0
// Answers of chains whose rates and rewards are off by so much lie between the bounds that promise it.
#include "solvers/csl/rate_perturbation.h"

#include <cmath>

#include "solvers/numerics/random.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

constexpr double kRateError = 1e-6;

Generator chain_of(Index states, const std::vector<Transition>& transitions) {
  return Generator(states, transitions);
}

LabelledChain with_rewards(Generator q, Vector state, Vector transition) {
  LabelledChain chain{.generator = std::move(q)};
  chain.rewards.push_back(
      {.name = "", .state_reward_per_s = std::move(state), .transition_reward_per_s = std::move(transition)});
  return chain;
}

/// Rewards from -2 to 3.
Vector mixed_rewards(Index states) {
  Vector reward(states);
  for (Index i = 0; i < states; ++i) reward(i) = static_cast<double>(i * 7 % 11) / 2.0 - 2.0;
  return reward;
}

/// Every rate and reward a little larger or a little smaller, `up` saying which.
template <typename Up>
LabelledChain disturbed(const LabelledChain& chain, const Up& up) {
  std::vector<Transition> transitions;
  for (Index i = 0; i < chain.states(); ++i) {
    for (const auto [to, rate] : chain.generator.outgoing().row(i)) {
      transitions.push_back({.from = i, .to = to, .rate_per_s = rate * (up() ? 1.0 + kRateError : 1.0 - kRateError)});
    }
  }
  LabelledChain result = with_rewards(Generator(chain.states(), transitions), chain.rewards[0].state_reward_per_s,
                                      chain.rewards[0].transition_reward_per_s);
  RewardStructure& rewards = result.rewards[0];
  for (double& reward : rewards.state_reward_per_s) reward *= up() ? 1.0 + kRateError : 1.0 - kRateError;
  for (double& reward : rewards.transition_reward_per_s) reward *= up() ? 1.0 + kRateError : 1.0 - kRateError;
  return result;
}

Query reward(RewardOperator asked, double time_s = 0.0, StateSet target = {}) {
  Query query{.kind = QueryKind::kReward};
  query.reward = {.reward_operator = asked, .time_s = time_s, .target = std::move(target)};
  return query;
}

Query passage(const StateSet& target, PassageMeasure measure, int order = 1, double level = 0.0) {
  Query query{.kind = QueryKind::kPassageTime};
  query.passage = {.target = target, .measure = measure, .order = order, .level = level};
  return query;
}

Query until(const StateSet& goal, TimeInterval time, bool complement = false) {
  Query query;
  query.path = {.left = StateSet(goal.size(), true), .right = goal, .time = time, .complement = complement};
  return query;
}

/// Checks all disturbed chains, and returns how many of them left the bounds of the undisturbed one.
int check_disturbed(const LabelledChain& chain, const Query& query) {
  constexpr double kTight = 1e-11;
  const CheckOptions tight{.absolute_tolerance = kTight, .relative_tolerance = kTight};
  CheckOptions uncertain = tight;
  uncertain.rate_error = kRateError;
  const CheckResult here = check(chain, query, tight);
  const CheckResult bounds = check(chain, query, uncertain);
  CAPTURE(here.lower, here.upper, bounds.lower, bounds.upper, bounds.message);
  CHECK(bounds.usable());
  CHECK(bounds.error_bound.has_value());
  RandomSource random(17);
  int left = 0;
  for (int draw = 0; draw < 12; ++draw) {
    const LabelledChain other = draw == 0   ? disturbed(chain, [] { return true; })
                                : draw == 1 ? disturbed(chain, [] { return false; })
                                            : disturbed(chain, [&] { return random.uniform() < 0.5; });
    const CheckResult there = check(other, query, tight);
    CHECK(there.value >= bounds.lower);
    CHECK(there.value <= bounds.upper);
    if (there.value < here.lower || there.value > here.upper) ++left;
  }
  return left;
}

TEST_CASE("Answers of chains with other rates, within the bounds", "[solvers][perturbation]") {
  constexpr Index kStates = 12;
  const LabelledChain chain =
      with_rewards(random_chain(kStates, 3, 0.1, 10.0, 5), mixed_rewards(kStates), Vector::Constant(kStates, -0.25));
  StateSet goal(kStates, false);
  goal[7] = goal[8] = true;
  CHECK(check_disturbed(chain, {.kind = QueryKind::kSteadyState, .steady_states = goal}) > 0);
  CHECK(check_disturbed(chain, reward(RewardOperator::kSteadyState)) > 0);
  CHECK(check_disturbed(chain, reward(RewardOperator::kReachability, 0.0, goal)) > 0);
  CHECK(check_disturbed(chain, reward(RewardOperator::kInstantaneous, 0.3)) > 0);
  CHECK(check_disturbed(chain, reward(RewardOperator::kCumulative, 0.7)) > 0);
  CHECK(check_disturbed(chain, reward(RewardOperator::kCumulative, 1e-3)) > 0);
  CHECK(check_disturbed(chain, passage(goal, PassageMeasure::kMean)) > 0);
  CHECK(check_disturbed(chain, passage(goal, PassageMeasure::kMoment, 4)) > 0);
  CHECK(check_disturbed(chain, passage(goal, PassageMeasure::kVariance)) > 0);
  CHECK(check_disturbed(chain, passage(goal, PassageMeasure::kQuantile, 1, 0.9)) > 0);
  CHECK(check_disturbed(chain, until(goal, {.upper_s = 0.4})) > 0);
  CHECK(check_disturbed(chain, until(goal, {.lower_s = 0.2, .upper_s = 0.4}, true)) > 0);
  Query next = until(goal, {.lower_s = 0.01, .upper_s = 0.4});
  next.path.path_operator = PathOperator::kNext;
  next.path.right = StateSet(kStates, true);
  CHECK(check_disturbed(chain, next) > 0);
}

TEST_CASE("Ends and total rewards of chains with other rates", "[solvers][perturbation]") {
  // 0 and 1 go back and forth and leave to 2 or to 3.
  const LabelledChain chain = with_rewards(chain_of(4, {{0, 1, 2.0}, {1, 0, 3.0}, {0, 2, 0.5}, {1, 3, 0.25}}),
                                           Vector{{1.0, -4.0, 0.0, 0.0}}, Vector::Zero(4));
  const StateSet goal = {false, false, true, false};
  CHECK(check_disturbed(chain, until(goal, {})) > 0);
  CHECK(check_disturbed(chain, until(goal, {}, true)) > 0);
  CHECK(check_disturbed(chain, {.kind = QueryKind::kSteadyState, .steady_states = goal}) > 0);
  CHECK(check_disturbed(chain, reward(RewardOperator::kCumulative, HUGE_VAL)) > 0);
}

TEST_CASE("The variance of an Erlang time moves with the square of its rate", "[solvers][perturbation]") {
  // Of k phases at rate l: k / l^2; the bound, made for any chain, is some n k times wider.
  constexpr Index kPhases = 20;
  std::vector<Transition> transitions;
  for (Index i = 0; i < kPhases; ++i) transitions.push_back({i, i + 1, 2.0});
  const LabelledChain chain{.generator = Generator(kPhases + 1, transitions)};
  StateSet goal(kPhases + 1, false);
  goal[kPhases] = true;
  const CheckResult found =
      check(chain, passage(goal, PassageMeasure::kVariance), {.relative_tolerance = 1e-12, .rate_error = kRateError});
  const double faster = kPhases / 4.0 / ((1 + kRateError) * (1 + kRateError));
  const double slower = kPhases / 4.0 / ((1 - kRateError) * (1 - kRateError));
  CHECK(found.lower < faster);
  CHECK(found.upper > slower);
  CHECK(found.upper - found.lower < 10.0 * kPhases * kPhases * (slower - faster));
}

TEST_CASE("What no rate can change stays exact", "[solvers][perturbation]") {
  const LabelledChain chain{.generator = chain_of(3, {{0, 1, 1.0}, {1, 0, 1.0}, {0, 2, 1.0}})};
  const StateSet goal = {false, false, true};
  const CheckOptions uncertain{.rate_error = kRateError};
  CHECK(check(chain, until(goal, {}), uncertain).lower == 1.0);
  CHECK(check(chain, until(goal, {}, true), uncertain).upper == 0.0);
  const CheckResult infinite = check(chain, passage({false, true, false}, PassageMeasure::kMean), uncertain);
  CHECK(std::isinf(infinite.value));
  CHECK(infinite.usable());
}

TEST_CASE("Errors too large for a bound end without one", "[solvers][perturbation]") {
  const LabelledChain chain{.generator = mm1k(0.5, 100)};
  StateSet full(101, false);
  full[100] = true;
  const CheckResult found =
      check(chain, {.kind = QueryKind::kSteadyState, .steady_states = full}, {.rate_error = 0.01});
  CHECK_FALSE(found.usable());
  CHECK(found.message == "no bound is known on what the rounding of the rates does to the answer");
}

}  // namespace
}  // namespace windtunnel::solvers
