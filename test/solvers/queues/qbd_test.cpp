// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/qbd.h"

#include <cmath>

#include "solvers/long_run/stationary.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

Matrix scalar(double value) {
  return Matrix::Constant(1, 1, value);
}

QuasiBirthDeath mm1_chain(double arrival_per_s, double service_per_s) {
  return {{}, {scalar(service_per_s), scalar(0.0), scalar(arrival_per_s)}};
}

// A server that slows down and recovers, fed by Poisson arrivals; two phases.
Level two_speed_level(double arrival_per_s) {
  Matrix change(2, 2), service(2, 2);
  change << 0.0, 0.2, 0.7, 0.0;
  service << 3.0, 0.0, 0.0, 0.5;
  return {service, change, arrival_per_s * Matrix::Identity(2, 2)};
}

std::vector<Level> truncated(const Level& repeating, int levels) {
  std::vector<Level> result(static_cast<std::size_t>(levels), repeating);
  result.front().down_per_s = Matrix();
  result.back().up_per_s = Matrix();
  return result;
}

constexpr QbdMethod kMethods[] = {QbdMethod::kLogarithmicReduction, QbdMethod::kCyclicReduction};

}  // namespace

TEST_CASE("M/M/1 as a chain of levels: G = 1, R = rho, geometric law", "[solvers][qbd]") {
  const double rho = GENERATE(1e-8, 0.3, 0.9, 0.9999, 1.0 - 1e-9);
  const QbdMethod method = GENERATE_COPY(from_range(std::begin(kMethods), std::end(kMethods)));
  const QbdSolution solution = solve_qbd(mm1_chain(2.0 * rho, 2.0), {.method = method});
  REQUIRE(solution.usable());
  CHECK(solution.first_passage(0, 0) == Approx(1.0).epsilon(1e-14));
  CHECK(solution.rate_matrix(0, 0) == Approx(rho).epsilon(1e-14));
  CHECK(solution.decay_ratio == Approx(rho).epsilon(1e-13));
  CHECK(solution.drift_ratio == Approx(rho).epsilon(1e-14));
  // 1 - rho has lost up to nine digits before anything is computed.
  const double digits = 1e-14 / (1.0 - rho) + 1e-12;
  CHECK(solution.probability(0)(0) == Approx(1.0 - rho).epsilon(digits));
  CHECK(solution.mean_level == Approx(rho / (1.0 - rho)).epsilon(digits));
  CHECK(solution.level_variance == Approx(rho / ((1.0 - rho) * (1.0 - rho))).epsilon(10.0 * digits));
  CHECK(solution.tail(50) == Approx(std::pow(rho, 50)).epsilon(1e-11));
}

TEST_CASE("M/M/3: irregular levels below the repeating ones", "[solvers][qbd]") {
  const double arrival = 2.4;
  QuasiBirthDeath chain;
  chain.boundary = {{Matrix(), scalar(0.0), scalar(arrival)},
                    {scalar(1.0), scalar(0.0), scalar(arrival)},
                    {scalar(2.0), scalar(0.0), scalar(arrival)}};
  chain.repeating = {scalar(3.0), scalar(0.0), scalar(arrival)};
  const QbdSolution solution = solve_qbd(chain);
  REQUIRE(solution.usable());
  const QueueAverages exact = mmc(arrival, 1.0, 3);
  CHECK(solution.mean_level == Approx(exact.customers).epsilon(1e-13));
  CHECK(solution.tail(3) == Approx(exact.wait_probability).epsilon(1e-13));
  CHECK(solution.tail(0) == Approx(1.0).epsilon(1e-14));
}

TEST_CASE("Both reductions agree with a long finite chain, block by block", "[solvers][qbd]") {
  const double arrival = GENERATE(0.4, 1.6);
  const Level repeating = two_speed_level(arrival);
  const QbdMethod method = GENERATE_COPY(from_range(std::begin(kMethods), std::end(kMethods)));
  const QbdSolution infinite = solve_qbd({{}, repeating}, {.method = method});
  REQUIRE(infinite.usable());
  const LevelSolution finite = solve_levels(truncated(repeating, 600));
  REQUIRE(finite.usable());
  for (const Index level : {0, 1, 2, 10, 60})
    for (Index phase = 0; phase < 2; ++phase)
      CHECK(infinite.probability(level)(phase) ==
            Approx(finite.probability[static_cast<std::size_t>(level)](phase)).epsilon(1e-11));
  CHECK(infinite.mean_level == Approx(finite.mean_level()).epsilon(1e-11));
  CHECK(infinite.residual_per_s < 1e-14);
  CHECK(infinite.first_passage_residual_per_s < 1e-13);
  CHECK(infinite.lost_mass < 1e-13);
  // Neuts 1981: up = R (-U), and the tail falls with the spectral radius.
  CHECK(infinite.tail(201) / infinite.tail(200) == Approx(infinite.decay_ratio).epsilon(1e-10));
}

TEST_CASE("A finite chain of levels is the chain", "[solvers][qbd]") {
  // Three levels of 1, 2 and 3 phases, all different; the same transitions as a plain generator.
  Level low{Matrix(), scalar(-9.0), (Matrix(1, 2) << 1.0, 0.25).finished()};
  Level middle{(Matrix(2, 1) << 0.5, 2.0).finished(), (Matrix(2, 2) << 0.0, 1.5, 0.1, 0.0).finished(),
               (Matrix(2, 3) << 0.0, 1.0, 0.3, 0.6, 0.0, 0.0).finished()};
  Level high{(Matrix(3, 2) << 1.0, 0.0, 0.0, 1e-6, 0.5, 0.5).finished(),
             (Matrix(3, 3) << 0.0, 0.2, 0.0, 0.0, 0.0, 0.4, 1.0, 0.0, 0.0).finished(), Matrix()};
  const LevelSolution solution = solve_levels(std::vector<Level>{low, middle, high});
  REQUIRE(solution.usable());
  const Generator q(6, std::vector<Transition>{{0, 1, 1.0},
                                               {0, 2, 0.25},
                                               {1, 0, 0.5},
                                               {2, 0, 2.0},
                                               {1, 2, 1.5},
                                               {2, 1, 0.1},
                                               {1, 4, 1.0},
                                               {1, 5, 0.3},
                                               {2, 3, 0.6},
                                               {3, 1, 1.0},
                                               {4, 2, 1e-6},
                                               {5, 1, 0.5},
                                               {5, 2, 0.5},
                                               {3, 4, 0.2},
                                               {4, 5, 0.4},
                                               {5, 3, 1.0}});
  const Vector expected = solve_stationary(q).probability;
  Vector found(6);
  found << solution.probability[0], solution.probability[1], solution.probability[2];
  for (Index i = 0; i < 6; ++i) CHECK(found(i) == Approx(expected(i)).epsilon(1e-13));
}

TEST_CASE("Level reduction neither overflows nor underflows", "[solvers][qbd]") {
  // M/M/1/K with rho = 1e3 and 1e-3, 400 levels: ratios of 1e1200.
  const double rho = GENERATE(1e3, 1e-3);
  const LevelSolution solution = solve_levels(truncated({scalar(1.0), scalar(0.0), scalar(rho)}, 400));
  REQUIRE(solution.usable());
  const std::size_t mode = rho > 1.0 ? 399 : 0, next = rho > 1.0 ? 398 : 1;
  CHECK(solution.probability[mode](0) == Approx(1.0 - 1e-3).epsilon(1e-13));
  CHECK(solution.probability[next](0) == Approx(1e-3 * (1.0 - 1e-3)).epsilon(1e-13));
}

TEST_CASE("G of an unstable chain is the ruin probability", "[solvers][qbd]") {
  // Gambler's ruin: mu / lambda.
  const QbdMethod method = GENERATE_COPY(from_range(std::begin(kMethods), std::end(kMethods)));
  const Level level{scalar(1.0), scalar(0.0), scalar(4.0)};
  CHECK(first_passage_matrix(level, {.method = method})(0, 0) == Approx(0.25).epsilon(1e-14));
}

TEST_CASE("Impossible chains of levels are refused", "[solvers][qbd]") {
  CHECK_THROWS_WITH(solve_qbd(mm1_chain(50.0, 41.0)), "unstable: mean rate up 50 /s, down 41 /s");
  CHECK_THROWS_WITH(solve_qbd(mm1_chain(1.0, 1.0)), "unstable: mean rate up 1 /s, down 1 /s");
  CHECK_THROWS_WITH(solve_qbd(mm1_chain(-1.0, 1.0)),
                    "level 0: up rate -1 from phase 0 to 0 is not a finite number >= 0");
  CHECK_THROWS_WITH(solve_levels({}), "a chain without levels");
  const Level narrow{Matrix(), scalar(0.0), Matrix::Ones(1, 3)};
  const Level wide{Matrix::Ones(2, 1), Matrix::Zero(2, 2), Matrix()};
  CHECK_THROWS_WITH(solve_levels(std::vector<Level>{narrow, wide}), "level 0: up is 1 x 3, expected 1 x 2");
  Level trap = two_speed_level(1.0);
  trap.down_per_s.setZero();
  CHECK_THROWS_AS(solve_levels(truncated(trap, 3)), ChainError);
  CHECK_THROWS_WITH(solve_qbd(mm1_chain(1.0, 2.0), {.max_iterations = 0}), "max_iterations 0, expected at least 1");
  CHECK_FALSE(solve_qbd(mm1_chain(0.999, 1.0), {.max_iterations = 2}).usable());
}
