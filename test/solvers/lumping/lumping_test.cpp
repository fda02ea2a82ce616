// SPDX-License-Identifier: Apache-2.0
#include "solvers/lumping/lumping.h"

#include <bit>
#include <cmath>
#include <map>

#include "solvers/chain/explore.h"
#include "solvers/long_run/stationary.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

using namespace windtunnel::solvers;

namespace {

// `machines` machines by name, one bit each, set when down; every machine that is down is repaired at its own rate.
StateSpace<unsigned> machines_by_name(int machines, double failure_per_s, double repair_per_s) {
  return explore(0u, [=](unsigned down, const auto& emit) {
    for (int i = 0; i < machines; ++i)
      emit(down ^ (1u << i), (down >> i & 1u) ? repair_per_s : failure_per_s * (1.0 + 1e-16 * i));
  });
}

Vector number_down(const std::vector<unsigned>& states) {
  Vector result(static_cast<Index>(states.size()));
  for (Index i = 0; i < result.size(); ++i) result(i) = std::popcount(states[static_cast<std::size_t>(i)]);
  return result;
}

// Two equal halves, each with `count` workstations, joined by nothing but a common switch: states (a, b, switch).
StateSpace<int> two_clusters(int count) {
  const int base = count + 1;
  return explore(0, [=](int state, const auto& emit) {
    const int first = state % base, second = state / base % base, broken = state / (base * base);
    if (first < count) emit(state + 1, 0.01 * (count - first));
    if (second < count) emit(state + base, 0.01 * (count - second));
    if (first > 0) emit(state - 1, 2.0 / (1 + broken));
    if (second > 0) emit(state - base, 2.0 / (1 + broken));
    emit(broken ? state - base * base : state + base * base, broken ? 0.5 : 0.002);
  });
}

// Numerical Recipes' linear congruential generator: the same on every machine.
struct RandomState {
  unsigned value;
  unsigned next() { return (value = 1664525u * value + 1013904223u) >> 16; }
};

// The definition, round by round: states stay together while their block and their rates into all other blocks agree.
std::vector<Index> coarsest_by_rounds(const Generator& q, const Vector& label) {
  std::vector<Index> block(static_cast<std::size_t>(q.states()));
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<Index>(label(static_cast<Index>(i)));
  for (std::size_t before = 0;;) {
    std::map<std::pair<Index, std::map<Index, double>>, Index> numbers;
    std::vector<Index> next;
    for (Index i = 0; i < q.states(); ++i) {
      const Index own = block[static_cast<std::size_t>(i)];
      std::map<Index, double> into;
      for (const auto [to, rate] : q.outgoing().row(i))
        if (block[static_cast<std::size_t>(to)] != own) into[block[static_cast<std::size_t>(to)]] += rate;
      const auto fresh = static_cast<Index>(numbers.size());
      next.push_back(numbers.emplace(std::pair(own, into), fresh).first->second);
    }
    block = next;
    if (numbers.size() == before) return block;
    before = numbers.size();
  }
}

}  // namespace

TEST_CASE("Identical machines lump to their count", "[solvers][lumping]") {
  const int machines = 10;
  const StateSpace<unsigned> space = machines_by_name(machines, 0.01, 0.5);
  const Vector down = number_down(space.states);
  const Lumping lumping = lump(space.generator, std::vector<Vector>{down});
  REQUIRE(lumping.blocks() == machines + 1);
  CHECK(lumping.largest_deviation_ratio < 1e-14);
  const Vector full = solve_stationary(space.generator).probability;
  const Vector small = solve_stationary(lumping.quotient).probability;
  const Vector lumped = lumping.lumped(full);
  for (Index b = 0; b < lumping.blocks(); ++b) CHECK(small(b) == Approx(lumped(b)).epsilon(1e-10));
  const MachineRepair exact = machine_repair(machines, machines, 0.01, 0.5);
  CHECK(lumping.block_value(down).dot(small) == Approx(exact.machines_down).epsilon(1e-12));
}

TEST_CASE("Without labels a regular chain lumps to one state", "[solvers][lumping]") {
  const StateSpace<unsigned> space = machines_by_name(6, 0.3, 0.3);
  CHECK(lump(space.generator, {}).blocks() == 1);
}

TEST_CASE("Only rates between blocks count: unequal rates inside a block do not split it", "[solvers][lumping]") {
  // 0 and 1 swap at different rates but leave for 2 at the same rate.
  const Generator q(3, std::vector<Transition>{{0, 1, 7.0}, {1, 0, 0.1}, {0, 2, 2.0}, {1, 2, 2.0}, {2, 0, 1.0}});
  const Lumping lumping = lump(q, std::vector<Vector>{Vector::Unit(3, 2)});
  CHECK(lumping.block_of == std::vector<Index>{0, 0, 1});
  CHECK(lumping.quotient.exit_rate(0) == 2.0);
}

TEST_CASE("Two equal clusters lump by a factor that nears 2", "[solvers][lumping]") {
  const int count = GENERATE(3, 20);
  const StateSpace<int> space = two_clusters(count);
  const int base = count + 1;
  Vector up(space.generator.states());
  for (Index i = 0; i < up.size(); ++i) {
    const int state = space.states[static_cast<std::size_t>(i)];
    up(i) = 2 * count - state % base - state / base % base;
  }
  const Lumping lumping = lump(space.generator, std::vector<Vector>{up});
  // Unordered pairs of counts, times the switch.
  REQUIRE(lumping.blocks() == base * (base + 1));
  const Vector full = solve_stationary(space.generator).probability;
  const Vector small = solve_stationary(lumping.quotient).probability;
  CHECK(lumping.block_value(up).dot(small) == Approx(up.dot(full)).epsilon(1e-11));
}

TEST_CASE("A reward that tells two machines apart keeps them apart", "[solvers][lumping]") {
  const StateSpace<unsigned> space = machines_by_name(4, 0.01, 0.5);
  Vector first_down(space.generator.states());
  for (Index i = 0; i < first_down.size(); ++i) first_down(i) = space.states[static_cast<std::size_t>(i)] & 1u;
  // The first machine has two states, the rest are not seen at all; with their number, four of them count 0..3.
  CHECK(lump(space.generator, std::vector<Vector>{first_down}).blocks() == 2);
  CHECK(lump(space.generator, std::vector<Vector>{first_down, number_down(space.states)}).blocks() == 8);
}

TEST_CASE("A chain without symmetry stays as it is", "[solvers][lumping]") {
  const Generator q = random_chain(200, 4, 0.1, 10.0, 5);
  const Lumping lumping = lump(q, std::vector<Vector>{Vector::Unit(200, 17)});
  CHECK(lumping.blocks() == 200);
  CHECK(lumping.largest_deviation_ratio == 0.0);
  CHECK(lumping.quotient.transitions() == q.transitions());
}

TEST_CASE("The queue finds the partition that plain rounds over all blocks find", "[solvers][lumping]") {
  // Random chains with small whole rates: many accidental symmetries. The rounds below are the definition.
  const unsigned seed = GENERATE(range(1u, 30u));
  std::vector<Transition> transitions;
  RandomState state{seed};
  const Index n = 40;
  for (Index i = 0; i < n; ++i)
    for (int k = 0; k < 2; ++k) {
      const Index to = static_cast<Index>(state.next() % n);
      if (to != i) transitions.push_back({i, to, static_cast<double>(1 + state.next() % 2)});
    }
  const Generator q(n, transitions);
  Vector label = Vector::Zero(n);
  for (Index i = 0; i < n; ++i) label(i) = static_cast<double>(state.next() % 2);
  const std::vector<Index> expected = coarsest_by_rounds(q, label);
  const Lumping lumping = lump(q, std::vector<Vector>{label});
  CHECK(lumping.block_of == expected);
  CHECK(lumping.largest_deviation_ratio == 0.0);
}

TEST_CASE("A vector of the wrong size is refused", "[solvers][lumping]") {
  const Generator q(2, std::vector<Transition>{{0, 1, 1.0}, {1, 0, 1.0}});
  CHECK_THROWS_WITH(lump(q, std::vector<Vector>{Vector::Ones(3)}), "3 values to tell 2 states apart");
}
