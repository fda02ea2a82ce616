// SPDX-License-Identifier: Apache-2.0
#include "solvers/networks/queueing_network.h"

#include <algorithm>
#include <array>

#include "solvers/chain/explore.h"
#include "solvers/long_run/stationary.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

using Kind = NetworkStation::Kind;

Vector values(std::initializer_list<double> list) {
  Vector result(static_cast<Index>(list.size()));
  std::copy(list.begin(), list.end(), result.begin());
  return result;
}

// Two classes over two processor-sharing queues and a delay.
ClosedNetwork two_classes(int first, int second) {
  return {{{Kind::kQueue, values({0.2, 0.5})}, {Kind::kQueue, values({0.7, 0.1})}, {Kind::kDelay, values({3.0, 1.0})}},
          {first, second}};
}

struct ChainAnswer {
  Vector throughput_per_s;
  Matrix customers;
};

using State = std::array<int, 6>;  // customers at station * 2 + class

struct StateHash {
  std::size_t operator()(const State& state) const {
    std::size_t value = 0;
    for (const int count : state) value = 31 * value + static_cast<std::size_t>(count);
    return value;
  }
};

// Rate at which class r leaves station k, visited in turn, service rates 1 / demand shared equally.
double leaving_per_s(const NetworkStation& station, const State& state, int k, int r) {
  const int own = state[static_cast<std::size_t>(2 * k + r)];
  const int total = state[static_cast<std::size_t>(2 * k)] + state[static_cast<std::size_t>(2 * k + 1)];
  if (own == 0) return 0.0;
  if (station.kind == Kind::kDelay) return own / station.demand_s(r);
  const double speed = station.kind == Kind::kQueue
                           ? 1.0
                           : station.relative_rate(std::min<Index>(total, station.relative_rate.size()) - 1);
  return speed * own / total / station.demand_s(r);
}

// Two classes going round three stations, as a Markov chain.
ChainAnswer solve_as_chain(const ClosedNetwork& network) {
  const State start{network.customers[0], network.customers[1], 0, 0, 0, 0};
  const auto space = explore<State, StateHash>(start, [&](const State& state, const auto& emit) {
    for (int k = 0; k < 3; ++k)
      for (int r = 0; r < 2; ++r) {
        const double rate = leaving_per_s(network.stations[static_cast<std::size_t>(k)], state, k, r);
        if (rate == 0.0) continue;
        State next = state;
        --next[static_cast<std::size_t>(2 * k + r)];
        ++next[static_cast<std::size_t>(2 * ((k + 1) % 3) + r)];
        emit(next, rate);
      }
  });
  const Vector law = solve_stationary(space.generator).probability;
  ChainAnswer answer{Vector::Zero(2), Matrix::Zero(3, 2)};
  for (Index i = 0; i < law.size(); ++i) {
    const State& state = space.states[static_cast<std::size_t>(i)];
    for (int r = 0; r < 2; ++r) {
      answer.throughput_per_s(r) += law(i) * leaving_per_s(network.stations[0], state, 0, r);
      for (int k = 0; k < 3; ++k) answer.customers(k, r) += law(i) * state[static_cast<std::size_t>(2 * k + r)];
    }
  }
  return answer;
}

}  // namespace

TEST_CASE("Machine repair is a closed network of a delay and a queue", "[solvers][network]") {
  const int machines = GENERATE(1, 10, 60);
  const double failure = 0.1, repair = 1.0;
  const MachineRepair exact = machine_repair(machines, 1, failure, repair);
  const ClosedNetwork network{{{Kind::kDelay, values({1.0 / failure})}, {Kind::kQueue, values({1.0 / repair})}},
                              {machines}};
  for (const NetworkSolution& solution : {solve_mean_value_analysis(network), solve_convolution(network)}) {
    REQUIRE(solution.usable());
    CHECK(solution.is_exact);
    CHECK(solution.throughput_per_s(0) == Approx(exact.throughput_per_s).epsilon(1e-11));
    CHECK(solution.customers(1, 0) == Approx(exact.machines_down).epsilon(1e-10));
    CHECK(solution.utilization_ratio(1) == Approx(exact.crews_busy).epsilon(1e-11));
  }
}

TEST_CASE("Several crews are a load-dependent station", "[solvers][network]") {
  const MachineRepair exact = machine_repair(10, 2, 0.1, 1.0);
  const ClosedNetwork network{
      {{Kind::kDelay, values({10.0})}, {Kind::kLoadDependent, values({1.0}), values({1.0, 2.0})}}, {10}};
  const NetworkSolution solution = solve_convolution(network);
  CHECK(solution.throughput_per_s(0) == Approx(exact.throughput_per_s).epsilon(1e-12));
  CHECK(solution.customers(1, 0) == Approx(exact.machines_down).epsilon(1e-12));
  CHECK(solution.utilization_ratio(1) == Approx(1.0 - exact.probability(0)).epsilon(1e-12));
}

TEST_CASE("Balanced queues: N / (D (N + K - 1) / K)", "[solvers][network]") {
  const int stations = 5, customers = GENERATE(1, 7, 3000);
  ClosedNetwork network{{}, {customers}};
  for (int k = 0; k < stations; ++k) network.stations.push_back({Kind::kQueue, values({0.02})});
  const double exact = customers / (0.02 * (customers + stations - 1));
  CHECK(solve_mean_value_analysis(network).throughput_per_s(0) == Approx(exact).epsilon(1e-11));
  CHECK(solve_convolution(network).throughput_per_s(0) == Approx(exact).epsilon(1e-9));
  // Both sides of the balanced job bounds meet.
  CHECK(balanced_job_bounds(network).lower_per_s == Approx(exact).epsilon(1e-13));
  CHECK(balanced_job_bounds(network).upper_per_s == Approx(exact).epsilon(1e-13));
}

TEST_CASE("Two classes: mean value analysis, convolution and the Markov chain agree", "[solvers][network]") {
  const ClosedNetwork network = two_classes(3, 2);
  const NetworkSolution values_by_mean = solve_mean_value_analysis(network), by_sums = solve_convolution(network);
  const ChainAnswer chain = solve_as_chain(network);
  for (Index r = 0; r < 2; ++r) {
    CHECK(values_by_mean.throughput_per_s(r) == Approx(chain.throughput_per_s(r)).epsilon(1e-11));
    CHECK(by_sums.throughput_per_s(r) == Approx(chain.throughput_per_s(r)).epsilon(1e-11));
    for (Index k = 0; k < 3; ++k) {
      CHECK(values_by_mean.customers(k, r) == Approx(chain.customers(k, r)).epsilon(1e-10));
      CHECK(by_sums.customers(k, r) == Approx(chain.customers(k, r)).epsilon(1e-10));
    }
  }
}

TEST_CASE("Two classes at a load-dependent station: convolution and the Markov chain agree", "[solvers][network]") {
  ClosedNetwork network = two_classes(2, 3);
  network.stations[1] = {Kind::kLoadDependent, values({0.7, 0.4}), values({1.0, 1.7, 2.0})};
  const NetworkSolution solution = solve_convolution(network);
  const ChainAnswer chain = solve_as_chain(network);
  for (Index r = 0; r < 2; ++r) {
    CHECK(solution.throughput_per_s(r) == Approx(chain.throughput_per_s(r)).epsilon(1e-11));
    for (Index k = 0; k < 3; ++k) CHECK(solution.customers(k, r) == Approx(chain.customers(k, r)).epsilon(1e-10));
  }
}

TEST_CASE("Approximations are near, Linearizer nearer than Schweitzer", "[solvers][network]") {
  const ClosedNetwork network = two_classes(GENERATE(4, 12), GENERATE(3, 9));
  const NetworkSolution exact = solve_mean_value_analysis(network);
  const NetworkSolution schweitzer = solve_schweitzer(network), linearizer = solve_linearizer(network);
  REQUIRE(schweitzer.usable());
  REQUIRE(linearizer.usable());
  const auto error = [&](const NetworkSolution& solution) {
    return ((solution.throughput_per_s - exact.throughput_per_s).array() / exact.throughput_per_s.array())
        .abs()
        .maxCoeff();
  };
  CHECK(error(schweitzer) < 0.1);
  CHECK(error(linearizer) < 0.004);
  CHECK(error(linearizer) < error(schweitzer));
  CHECK(schweitzer.customers.col(0).sum() == Approx(network.customers[0]).epsilon(1e-8));
}

TEST_CASE("Large populations need no lattice", "[solvers][network]") {
  // The bottlenecks: class 1 at station 0 is limited by 1 / 0.5.
  const NetworkSolution solution = solve_linearizer(two_classes(2000, 3000));
  REQUIRE(solution.usable());
  CHECK(solution.utilization_ratio(0) == Approx(1.0).epsilon(2e-3));
  CHECK(solution.utilization_ratio(1) == Approx(1.0).epsilon(2e-3));
}

TEST_CASE("Bounds hold the exact throughput, balanced ones inside asymptotic ones", "[solvers][network]") {
  const int customers = GENERATE(1, 2, 5, 20, 100);
  const double think_s = GENERATE(0.0, 0.5, 20.0);
  const ClosedNetwork network{{{Kind::kQueue, values({0.3})},
                               {Kind::kQueue, values({0.1})},
                               {Kind::kQueue, values({0.25})},
                               {Kind::kDelay, values({think_s})}},
                              {customers}};
  const double exact = solve_mean_value_analysis(network).throughput_per_s(0);
  const ThroughputBounds wide = asymptotic_bounds(network), narrow = balanced_job_bounds(network);
  const double rounding = 1e-12 * exact;
  CHECK(wide.lower_per_s <= narrow.lower_per_s + rounding);
  CHECK(narrow.lower_per_s <= exact + rounding);
  CHECK(exact <= narrow.upper_per_s + rounding);
  CHECK(narrow.upper_per_s <= wide.upper_per_s + rounding);
}

TEST_CASE("Impossible networks are refused", "[solvers][network]") {
  CHECK_THROWS_WITH(solve_mean_value_analysis({}), "network: no classes");
  CHECK_THROWS_WITH(solve_mean_value_analysis({{{Kind::kQueue, values({1.0, 2.0})}}, {1}}),
                    "network: station 0 has 2 demands, expected 1");
  CHECK_THROWS_WITH(solve_convolution({{{Kind::kQueue, values({-1.0})}}, {1}}),
                    "network: demand -1 s of class 0 at station 0 is not a finite number >= 0");
  CHECK_THROWS_WITH(solve_convolution({{{Kind::kLoadDependent, values({1.0})}}, {1}}),
                    "network: station 0 needs relative rates > 0");
  CHECK_THROWS_WITH(solve_mean_value_analysis({{{Kind::kLoadDependent, values({1.0}), values({1.0})}}, {1}}),
                    "network: station 0 is load-dependent, which only convolution solves");
  CHECK_THROWS_WITH(solve_schweitzer({{{Kind::kQueue, values({0.0})}}, {1}}), "network: class 0 demands nothing");
  CHECK_THROWS_WITH(balanced_job_bounds(two_classes(1, 1)), "network: bounds of 2 classes, expected 1");
  CHECK_THROWS_WITH(solve_convolution(two_classes(-1, 1)), "network: -1 customers of class 0");
}
