// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/sparse_reduction.h"

#include <cmath>

#include "solvers/linear/state_reduction.h"
#include "solvers/long_run/certified_average.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

SparseReduction reduced(const Generator& q, const Vector& killing_per_s, Index last = -1) {
  return {q.outgoing(), killing_per_s, ReductionPattern(q.outgoing(), last)};
}

double largest_relative_error(const Vector& found, const Vector& expected) {
  return ((found - expected).cwiseAbs().cwiseQuotient(expected)).maxCoeff();
}

/// Two independent shops of `machines` that fail at `failure` and are repaired one at a time at rate 1: state
/// i * (machines + 1) + j has i and j of them down. Product of two birth-death chains.
Generator two_shops(Index machines, double failure) {
  const Index side = machines + 1;
  std::vector<Transition> transitions;
  for (Index i = 0; i < side; ++i) {
    for (Index j = 0; j < side; ++j) {
      const Index here = i * side + j;
      if (i < machines) transitions.push_back({here, here + side, static_cast<double>(machines - i) * failure});
      if (j < machines) transitions.push_back({here, here + 1, static_cast<double>(machines - j) * failure});
      if (i > 0) transitions.push_back({here, here - side, 1.0});
      if (j > 0) transitions.push_back({here, here - 1, 1.0});
    }
  }
  return Generator(side * side, transitions);
}

/// log of the probability that i of them are down, up to a constant: M!/(M - i)! failure^i.
double log_down(Index machines, double failure, Index i) {
  const auto all = static_cast<double>(machines);
  return std::lgamma(all + 1.0) - std::lgamma(all - static_cast<double>(i) + 1.0) +
         static_cast<double>(i) * std::log(failure);
}

}  // namespace

TEST_CASE("sparse and full state reduction agree in every entry", "[solvers][sparse_gth]") {
  for (const NamedChain& chain : irreducible_chains()) {
    INFO(chain.name);
    const Index states = chain.generator.states();
    const Vector none = Vector::Zero(states);
    const StateReduction full(chain.generator.outgoing(), none, StateReduction::Storage::kFull);
    const SparseReduction sparse = reduced(chain.generator, none, GENERATE(-1, 0));
    REQUIRE_FALSE(sparse.stuck_state());
    const Vector expected = full.stationary();
    CHECK(largest_relative_error(sparse.stationary(), expected) <=
          full.relative_error_bound() + sparse.relative_error_bound());
    CHECK(largest_relative_error(sparse.stationary(), expected) < 1e-11);
    const Vector killing = Vector::LinSpaced(states, 0.0, 1.0);
    const Vector cost = Vector::LinSpaced(states, 1.0, 2.0);
    const Vector h = StateReduction(chain.generator.outgoing(), killing).cost_until_killed(cost);
    CHECK(largest_relative_error(reduced(chain.generator, killing).cost_until_left(cost), h) < 1e-11);
  }
}

TEST_CASE("probabilities down to 1e-300 have their digits", "[solvers][sparse_gth]") {
  // pi(i, j) = pi(i) pi(j), pi(i) ~ M!/(M - i)! failure^i (machine repairman, Kleinrock I, section 3.8).
  const Index machines = 60;
  const double failure = GENERATE(1e-5, 1e-3);
  const SparseReduction reduction = reduced(two_shops(machines, failure), Vector::Zero(61 * 61), 0);
  const Vector pi = reduction.stationary();
  double worst = 0.0;
  double least = 1.0;
  for (Index i = 0; i <= machines; ++i) {
    for (Index j = 0; j <= machines; ++j) {
      const double exponent = log_down(machines, failure, i) + log_down(machines, failure, j);
      if (exponent < -690.0) continue;  // below 1e-300
      const double found = pi(i * (machines + 1) + j);
      least = std::min(least, found);
      worst = std::max(worst, std::abs(found / pi(0) / std::exp(exponent) - 1.0));
    }
  }
  CHECK(least < 1e-150);
  // lgamma and exp of numbers up to 690 are good for 690 * 2^-53 * a few.
  CHECK(worst < 1e-11);
  CHECK(worst < reduction.relative_error_bound() + 1e-11);
}

TEST_CASE("a long-run average of 1e-30 is certified relative to itself", "[solvers][sparse_gth]") {
  // Three or more of 150 machines down in both shops, sum of the product form; too wide a band for the banded matrix.
  const Index machines = 150;
  const double failure = 1e-8;
  const Generator q = two_shops(machines, failure);
  Vector reward = Vector::Zero(q.states());
  double total = 0.0;
  double expected = 0.0;
  for (Index i = 0; i <= machines; ++i) {
    total += std::exp(log_down(machines, failure, i));
    if (i >= 3) expected += std::exp(log_down(machines, failure, i));
    for (Index j = 3; j <= machines && i >= 3; ++j) reward(i * (machines + 1) + j) = 1.0;
  }
  expected *= expected / (total * total);
  REQUIRE(expected < 1e-30);
  const auto result =
      solve_certified_average(PartialChain(q), reward, {.absolute_tolerance = 1e-60, .relative_tolerance = 1e-5});
  REQUIRE(result.usable());
  CHECK(result.method_used == Method::kSparseGth);
  CHECK(result.value == Approx(expected).epsilon(1e-8));
  CHECK(result.bounds.lower <= expected * (1.0 + 1e-12));
  CHECK(result.bounds.upper >= expected * (1.0 - 1e-12));
}

TEST_CASE("a chain that cannot be left or falls apart is reported", "[solvers][sparse_gth]") {
  const std::vector<Transition> apart = {{0, 1, 1.0}, {1, 0, 1.0}, {2, 3, 1.0}, {3, 2, 1.0}};
  CHECK(reduced(Generator(4, apart), Vector::Zero(4)).stuck_state().has_value());
}

}  // namespace windtunnel::solvers
