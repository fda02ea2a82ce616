// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/explore.h"

#include <map>

#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

struct Pair {
  int first = 0;
  int second = 0;
  bool operator==(const Pair&) const = default;
};

/// A hash with as many collisions as possible.
struct OneBucket {
  std::size_t operator()(const Pair&) const { return 7; }
};
struct Spread {
  std::size_t operator()(const Pair& p) const { return static_cast<std::size_t>(p.first * 64 + p.second); }
};

/// Two independent up/down counters 0..9.
const auto two_counters = [](const Pair& p, const auto& emit) {
  if (p.first < 9) emit(Pair{p.first + 1, p.second}, 1.0);
  if (p.first > 0) emit(Pair{p.first - 1, p.second}, 2.0);
  if (p.second < 9) emit(Pair{p.first, p.second + 1}, 3.0);
  if (p.second > 0) emit(Pair{p.first, p.second - 1}, 4.0);
};

}  // namespace

TEST_CASE("a grid of 10 x 10 has 100 states and 360 transitions", "[solvers][explore]") {
  const auto space = explore<Pair, Spread>(Pair{}, two_counters);
  REQUIRE(space.states.size() == 100);
  CHECK(space.generator.states() == 100);
  CHECK(space.generator.transitions() == 4 * 9 * 10);
  CHECK(space.states[0] == Pair{0, 0});
  CHECK(space.states[1] == Pair{1, 0});
  CHECK(space.states[2] == Pair{0, 1});
}

TEST_CASE("states are numbered breadth first", "[solvers][explore]") {
  const auto space = explore<Pair, Spread>(Pair{}, two_counters);
  for (std::size_t k = 1; k < space.states.size(); ++k) {
    CHECK(space.states[k - 1].first + space.states[k - 1].second <= space.states[k].first + space.states[k].second);
  }
}

TEST_CASE("numbers do not depend on the hash", "[solvers][explore]") {
  const auto spread = explore<Pair, Spread>(Pair{}, two_counters);
  const auto collided = explore<Pair, OneBucket>(Pair{}, two_counters);
  REQUIRE(spread.states == collided.states);
  CHECK(spread.generator.outgoing().state == collided.generator.outgoing().state);
  CHECK(spread.generator.outgoing().rate_per_s == collided.generator.outgoing().rate_per_s);
}

TEST_CASE("several initial states come first, repeated transitions add up", "[solvers][explore]") {
  const auto successors = [](int state, const auto& emit) {
    if (state >= 100) return;
    emit(100, 0.25);
    emit(100, 0.5);
  };
  const auto space = explore_all<int>({7, 3, 7}, successors);
  REQUIRE(space.states == std::vector<int>{7, 3, 100});
  REQUIRE(space.generator.transitions() == 2);
  CHECK(space.generator.exit_rate(0) == 0.75);
}

TEST_CASE("an infinite model stops at the limit", "[solvers][explore]") {
  const auto counter = [](int n, const auto& emit) { emit(n + 1, 1.0); };
  CHECK_THROWS_WITH(explore(0, counter, {.max_states = 1000}), "the model has more than 1000 states");
}

TEST_CASE("a model with a wrong rate is told where", "[solvers][explore]") {
  const auto bad_rate = [](int n, const auto& emit) { emit(1 - n, n == 0 ? 1.0 : -2.0); };
  const auto stays = [](int n, const auto& emit) { emit(n, 1.0); };
  CHECK_THROWS_WITH(explore(0, bad_rate), "transition 1 -> 0: rate -2 per s is not finite and > 0");
  CHECK_THROWS_WITH(explore(0, stays), "transition 0 -> 0: a state cannot go to itself");
}

}  // namespace windtunnel::solvers
