// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/time_doubling.h"

#include <cmath>
#include <random>

#include "solvers/numerics/fixed_point_matrix.h"
#include "solvers/transient/poisson_series.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

Generator two_states(double fail, double repair) {
  return Generator(2, std::vector<Transition>{{0, 1, fail}, {1, 0, repair}});
}

/// 12 states, rates over six orders of magnitude.
Generator scattered_chain() {
  std::mt19937 random(20);
  std::uniform_real_distribution<double> exponent(-3.0, 3.0);
  std::vector<Transition> transitions;
  for (Index i = 0; i < 12; ++i) {
    transitions.push_back({i, (i + 1) % 12, std::pow(10.0, exponent(random))});
    transitions.push_back({i, (i + 5) % 12, std::pow(10.0, exponent(random))});
  }
  return Generator(12, transitions);
}

TEST_CASE("Products of fixed-point matrices are lower bounds with a hundred bits", "[solvers][doubling]") {
  // [[1/3, 2/3], [1/2, 1/2]] squared is [[4/9, 5/9], [5/12, 7/12]].
  FixedPointMatrix matrix(2, 100);
  const DoubleDouble third{1.0 / 3, 1.0 / 3 * 0x1p-54};  // 1/3 = 0.010101..b
  matrix.add(0, 0, third);
  matrix.add(0, 1, third);
  matrix.add(0, 1, third);
  matrix.add(1, 0, {0.5, 0.0});
  matrix.add(1, 1, {1.0, 0.0});
  matrix.subtract(1, 1, {0.5, 0.0});
  matrix.normalise();
  const FixedPointMatrix square = matrix.times(matrix);
  CHECK(square.at(0, 0) == Approx(4.0 / 9).epsilon(1e-14));
  CHECK(square.at(0, 1) == Approx(5.0 / 9).epsilon(1e-14));
  CHECK(square.at(1, 0) == Approx(5.0 / 12).epsilon(1e-14));
  CHECK(square.at(1, 1) == Approx(7.0 / 12).epsilon(1e-14));
  CHECK(square.missing_from_one(0, 0, 2) >= 0.0);
  CHECK(square.missing_from_one(0, 0, 2) <= 0x1p-90);
  FixedPointMatrix half = square;
  half.divide(7);
  CHECK(half.at(0, 0) == Approx(4.0 / 63).epsilon(1e-14));
}

TEST_CASE("A component that fails and is repaired, over twelve orders of magnitude", "[solvers][doubling]") {
  // P(down at t) = l / (l + m) (1 - exp(-(l + m) t)).
  const double repair = GENERATE(1e-6, 1.0, 1e6);
  const double fail = GENERATE(1e-6, 1.0, 1e3);
  const double time_s = GENERATE(1e-3, 1.0, 1e6, 1e12);
  const Generator q = two_states(fail, repair);
  const PartialChain part(q);
  Vector down(2);
  down << 0.0, 1.0;
  const SeriesSum found = value_by_doubling(part, down, {}, time_s);
  const double exact = fail / (fail + repair) * -std::expm1(-(fail + repair) * time_s);
  CHECK(found.lower(0) <= exact * (1.0 + 1e-14));
  CHECK(found.upper(0) >= exact * (1.0 - 1e-14));
  CHECK(found.upper(0) - found.lower(0) <= 1e-13);
  // Time down until t: l / (l + m) (t - (1 - exp(-(l + m) t)) / (l + m)).
  const SeriesSum spent = integral_by_doubling(part, down, time_s);
  const double total = fail + repair;
  const double whole = fail / total * (time_s + std::expm1(-total * time_s) / total);
  CHECK(spent.lower(0) <= whole + 1e-9 * time_s * 1e-3);
  CHECK(spent.upper(0) >= whole - 1e-9 * time_s * 1e-3);
  CHECK(spent.upper(0) - spent.lower(0) <= 1e-12 * time_s);
}

TEST_CASE("Doubling and uniformization agree", "[solvers][doubling]") {
  const Generator q = scattered_chain();
  std::vector<Index> members;
  for (Index i = 0; i < 10; ++i) members.push_back(i);  // 10 and 11 are outside
  const PartialChain part(q, members);
  Vector reward(10);
  for (Index i = 0; i < 10; ++i) reward(i) = static_cast<double>(i % 4) - 1.0;
  const double time_s = GENERATE(0.01, 1.0, 30.0);
  const std::vector<Index> asked = {0, 3, 7};
  const double rate = tick_rate(part);
  const SeriesSum value = value_by_doubling(part, reward, {}, time_s);
  const SeriesSum value_too = sum_series(part, reward, SeriesWeights::at_time(rate * time_s), asked);
  const SeriesSum integral = integral_by_doubling(part, reward, time_s);
  const SeriesSum integral_too = sum_series(part, reward, SeriesWeights::until_time(rate * time_s), asked);
  for (const Index i : asked) {
    CHECK(value.lower(i) <= value_too.upper(i));
    CHECK(value.upper(i) >= value_too.lower(i));
    CHECK(value.upper(i) - value.lower(i) <= 1e-12);
    CHECK(integral.lower(i) <= integral_too.upper(i) / rate);
    CHECK(integral.upper(i) >= integral_too.lower(i) / rate);
    CHECK(integral.upper(i) - integral.lower(i) <= 1e-12 * time_s);
  }
}

TEST_CASE("What has arrived at a target", "[solvers][doubling]") {
  // 0 -> 1 (outside, the target) at 2e-9, 0 -> 2 (outside) at 1e-9: P(target by t) = 2/3 (1 - exp(-3e-9 t)).
  const Generator q(4, std::vector<Transition>{{0, 1, 2e-9}, {0, 2, 1e-9}, {0, 3, 1e6}, {3, 0, 1e9}});
  const PartialChain part(q, {0, 3});
  StateSet target(4, false);
  target[1] = true;
  const double share = 1.0 / (1.0 + 1e-3);  // of the time in state 0
  const SeriesSum found = value_by_doubling(part, Vector::Zero(2), target, 1e9);
  CHECK(found.upper(0) - found.lower(0) <= 1e-13);
  CHECK(found.lower(0) == Approx(2.0 / 3 * -std::expm1(-3.0 * share)).epsilon(1e-10));
}

}  // namespace
}  // namespace windtunnel::solvers
