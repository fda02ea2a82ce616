// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/level_dependent_qbd.h"

#include <cmath>
#include <vector>

#include "solvers/long_run/stationary.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

Matrix scalar(double value) {
  return Matrix::Constant(1, 1, value);
}

LevelDependentQbd mm_infinity(double load) {
  LevelDependentQbd chain;
  chain.level = [=](Index n) {
    return Level{n == 0 ? Matrix() : scalar(static_cast<double>(n)), scalar(0.0), scalar(load)};
  };
  return chain;
}

double poisson(double n, double mean) {
  return std::exp(n * std::log(mean) - mean - std::lgamma(n + 1.0));
}

}  // namespace

TEST_CASE("M/M/infinity is Poisson, its cut proven", "[solvers][ldqbd]") {
  const double load = GENERATE(0.5, 20.0, 300.0);
  LevelDependentQbd chain = mm_infinity(load);
  chain.birth_over_death_above = [=](Index level) { return load / static_cast<double>(level + 1); };
  const LevelDependentSolution solution = solve_level_dependent_qbd(chain);
  REQUIRE(solution.usable());
  CHECK(solution.lost_mass_bound <= 1e-12);
  CHECK(solution.mean_level() == Approx(load).epsilon(1e-10));
  for (const Index n : {Index{0}, static_cast<Index>(load), static_cast<Index>(load) + 10}) {
    CHECK(solution.level_probability(n) == Approx(poisson(static_cast<double>(n), load)).epsilon(1e-10));
  }
  // The bound holds the truth: Poisson mass above the cut, where it can be told from 0.
  const LevelDependentSolution early = solve_level_dependent_qbd(chain, {.tolerance = 1.0, .first_cut = 2});
  double below = 0.0;
  for (Index n = 0; n <= early.cut; ++n) below += poisson(static_cast<double>(n), load);
  CHECK(early.lost_mass_bound >= 1.0 - below - 1e-12);
}

TEST_CASE("Retrial queue M/M/1: the mean number in orbit in closed form", "[solvers][ldqbd]") {
  // Falin, Templeton, Retrial Queues, 1997, section 1.2: E[orbit] = rho / (1 - rho) (rho + lambda / theta), P(busy) =
  // rho.
  const double lambda = 0.6, theta = 0.3;
  LevelDependentQbd chain;
  chain.level = [=](Index n) {
    Level level{Matrix::Zero(2, 2), Matrix::Zero(2, 2), Matrix::Zero(2, 2)};
    level.local_per_s(0, 1) = lambda;
    level.local_per_s(1, 0) = 1.0;
    level.up_per_s(1, 1) = lambda;
    level.down_per_s(0, 1) = theta * static_cast<double>(n);
    if (n == 0) level.down_per_s = Matrix();
    return level;
  };
  const LevelDependentSolution solution = solve_level_dependent_qbd(chain);
  REQUIRE(solution.usable());
  CHECK(std::isinf(solution.lost_mass_bound));
  CHECK(solution.estimated_lost_mass <= 1e-12);
  CHECK(solution.mean_level() == Approx(lambda / (1.0 - lambda) * (lambda + lambda / theta)).epsilon(1e-9));
  double busy = 0.0;
  for (const Vector& level : solution.probability) busy += level(1);
  CHECK(busy == Approx(lambda).epsilon(1e-11));
}

TEST_CASE("An unstable chain is not usable", "[solvers][ldqbd]") {
  LevelDependentQbd chain = mm_infinity(1.0);
  chain.level = [](Index n) { return Level{n == 0 ? Matrix() : scalar(1.0), scalar(0.0), scalar(2.0)}; };
  const LevelDependentSolution solution = solve_level_dependent_qbd(chain, {.max_levels = 256});
  CHECK_FALSE(solution.usable());
  CHECK_THROWS_WITH(solve_level_dependent_qbd({}), "a level-dependent chain without a level function");
  CHECK_THROWS_WITH(solve_level_dependent_qbd(chain, {.tolerance = 0.0}),
                    "tolerance 0, first cut 32, at most 1048576 levels");
}

TEST_CASE("Batch arrivals (M/G/1 type) by groups of levels", "[solvers][ldqbd]") {
  // M^[X]/M/1 with batches of 1 and 3: mean number rho (1 + E[X^2] / E[X]) / (2 (1 - rho)).
  const double ones = 0.2, threes = 0.15, service = 1.0;
  const GroupedChain grouped = grouped_levels(
      {{scalar(service), scalar(0.0), scalar(ones), scalar(0.0), scalar(threes)}, 1, [=](Index from, Index to) {
         return from == 0 && to == 0 ? scalar(0.0) : Matrix();
       }});
  CHECK(grouped.group == 3);
  const QbdSolution solution = solve_qbd(grouped.chain);
  REQUIRE(solution.usable());
  const double batches = ones + threes, mean = (ones + 3.0 * threes) / batches,
               second = (ones + 9.0 * threes) / batches;
  const double rho = batches * mean / service;
  double number = 0.0, total = 0.0;
  for (Index n = 0; n < 600; ++n) {
    const double probability = ungrouped_probability(grouped, solution, n)(0);
    number += static_cast<double>(n) * probability;
    total += probability;
  }
  CHECK(total == Approx(1.0).epsilon(1e-12));
  CHECK(number == Approx(rho * (1.0 + second / mean) / (2.0 * (1.0 - rho))).epsilon(1e-10));
  CHECK(ungrouped_probability(grouped, solution, 0)(0) == Approx(1.0 - rho).epsilon(1e-12));
}

TEST_CASE("Batch service (G/M/1 type) is geometric with the root of its polynomial", "[solvers][ldqbd]") {
  // Up 1 at rate l; down by 2 at rate m (or to empty): x with l + m x^3 = (l + m) x. Kleinrock, Queueing Systems
  // I, 4.7.
  const double l = 1.2, m = 1.0;
  const GroupedChain grouped = grouped_levels({{scalar(m), scalar(0.0), scalar(0.0), scalar(l)}, 2, {}});
  const QbdSolution solution = solve_qbd(grouped.chain);
  REQUIRE(solution.usable());
  // x^2 + x - l / m = 0 after the root 1 is divided out.
  const double x = 0.5 * (std::sqrt(1.0 + 4.0 * l / m) - 1.0);
  for (const Index n : {0, 1, 5, 20})
    CHECK(ungrouped_probability(grouped, solution, n)(0) == Approx((1.0 - x) * std::pow(x, n)).epsilon(1e-11));
}

TEST_CASE("Impossible jumps are refused", "[solvers][ldqbd]") {
  CHECK_THROWS_WITH(grouped_levels({{scalar(1.0)}, 1, {}}), "1 jump blocks, expected more than the reach down of 1");
  CHECK_THROWS_WITH(grouped_levels({{scalar(1.0), Matrix::Zero(2, 2)}, 1, {}}), "jump block of 2 x 2, expected 1 x 1");
}
