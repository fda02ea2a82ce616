// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/communicating_classes.h"

#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

using Members = std::vector<Index>;

/// 0 <-> 1 -> 2 <-> 3, 1 -> 4 (absorbing), 5 -> 0.
Generator two_traps() {
  const std::vector<Transition> transitions = {{0, 1, 1.0}, {1, 0, 1.0}, {1, 2, 1.0}, {2, 3, 1.0},
                                               {3, 2, 1.0}, {1, 4, 1.0}, {5, 0, 1.0}};
  return Generator(6, transitions);
}

}  // namespace

TEST_CASE("classes, members and bottoms of a chain with two traps", "[solvers][classes]") {
  const CommunicatingClasses classes = communicating_classes(two_traps());
  REQUIRE(classes.count() == 4);
  CHECK_FALSE(classes.irreducible());
  const auto members_with = [&](std::size_t state) {
    return classes.members[static_cast<std::size_t>(classes.class_of[state])];
  };
  CHECK(members_with(0) == Members{0, 1});
  CHECK(members_with(3) == Members{2, 3});
  CHECK(members_with(4) == Members{4});
  CHECK(members_with(5) == Members{5});
  REQUIRE(classes.bottom.size() == 2);
  CHECK(classes.is_bottom(2));
  CHECK(classes.is_bottom(4));
  CHECK_FALSE(classes.is_bottom(0));
}

TEST_CASE("transitions lead to the same or a lower class", "[solvers][classes]") {
  const Generator q = two_traps();
  const CommunicatingClasses classes = communicating_classes(q);
  for (Index i = 0; i < q.states(); ++i) {
    for (const auto [to, rate] : q.outgoing().row(i)) {
      CHECK(classes.class_of[static_cast<std::size_t>(to)] <= classes.class_of[static_cast<std::size_t>(i)]);
    }
  }
}

TEST_CASE("the test chains are irreducible", "[solvers][classes]") {
  for (const NamedChain& chain : irreducible_chains()) {
    INFO(chain.name);
    CHECK(communicating_classes(chain.generator).irreducible());
  }
}

TEST_CASE("a path of a million states needs no recursion", "[solvers][classes]") {
  const Index states = 1'000'000;
  std::vector<Transition> path;
  for (Index i = 0; i + 1 < states; ++i) path.push_back({i, i + 1, 1.0});
  const CommunicatingClasses open = communicating_classes(Generator(states, path));
  CHECK(open.count() == states);
  CHECK(open.bottom.size() == 1);
  path.push_back({states - 1, 0, 1.0});
  CHECK(communicating_classes(Generator(states, path)).irreducible());
}

TEST_CASE("the chain inside a class keeps its rates", "[solvers][classes]") {
  const Generator q = two_traps();
  const Members trap = {2, 3};
  const Generator inside = restricted_to(q, trap);
  CHECK(inside.states() == 2);
  CHECK(inside.transitions() == 2);
  CHECK(inside.exit_rate(0) == 1.0);
}

TEST_CASE("states that can reach a target", "[solvers][classes]") {
  std::vector<bool> targets(6, false);
  targets[4] = true;
  CHECK(can_reach(two_traps().incoming(), targets) == std::vector<bool>{true, true, false, false, true, true});
}

}  // namespace windtunnel::solvers
