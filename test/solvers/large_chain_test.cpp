// SPDX-License-Identifier: Apache-2.0
// Chains too large for a matrix, and values of another program.
#include <cmath>

#include "bench/cluster_model.h"
#include "solvers/chain/initial_distribution.h"
#include "solvers/linear/multilevel.h"
#include "solvers/long_run/long_run_average.h"
#include "solvers/transient/transient.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

/// 1 where `inside` holds.
template <typename Inside>
Vector indicator(const std::vector<bench::ClusterState>& states, const Inside& inside) {
  Vector vector(static_cast<Index>(states.size()));
  for (std::size_t k = 0; k < states.size(); ++k) vector(static_cast<Index>(k)) = inside(states[k]) ? 1.0 : 0.0;
  return vector;
}

}  // namespace

TEST_CASE("workstation cluster, N = 2: values of Storm", "[solvers][golden]") {
  // github.com/moves-rwth/storm, src/test/storm/modelchecker/csl, LraCtmcCslModelCheckerTest.cpp and
  // CtmcCslModelCheckerTest.cpp: S=? [ "minimum" ] = 0.99999766034263426, P=? [ F[100,100] !"minimum" ]
  // = 2.3397873548343415e-6, checked there to 1e-6.
  const auto space = bench::explore_cluster(2);
  REQUIRE(space.generator.states() == 276);
  REQUIRE(space.generator.transitions() == 1120);
  const bench::ClusterModel model(2);
  const Vector minimum = indicator(space.states, [&](const auto& s) { return model.connected(s, 1); });
  const auto average = solve_long_run_average(space.generator, minimum);
  REQUIRE(average.usable());
  CHECK(average.value == Approx(0.99999766034263426).margin(1e-12));
  const auto transient = solve_transient(space.generator, point_mass(276, 0), {100.0});
  const double below = transient.probability[0].dot(Vector::Ones(276) - minimum);
  CHECK(below == Approx(2.3397873548343415e-6).margin(1e-6));
  CHECK(below == Approx(2.3397873548343415e-6).epsilon(1e-6));
}

TEST_CASE("workstation cluster, N = 32: sweeps, cycles and the bounds agree", "[solvers][large]") {
  const auto space = bench::explore_cluster(32);
  REQUIRE(space.generator.states() == 38'676);
  REQUIRE(space.generator.transitions() == 186'400);
  const bench::ClusterModel model(32);
  const Vector premium = indicator(space.states, [&](const auto& s) { return model.premium(s); });
  const auto swept = solve_long_run_average(space.generator, premium, {.stationary = {.method = Method::kGaussSeidel}});
  const auto cycled = solve_long_run_average(space.generator, premium, {.stationary = {.method = Method::kMultilevel}});
  REQUIRE(swept.usable());
  REQUIRE(cycled.usable());
  CHECK(cycled.method_used == Method::kMultilevel);
  CHECK(cycled.stationary.iterations < 30);
  CHECK(swept.bounds.lower <= cycled.bounds.upper);
  CHECK(cycled.bounds.lower <= swept.bounds.upper);
  CHECK(std::abs(swept.value - cycled.value) < 1e-10);
}

TEST_CASE("multilevel cycles solve halves that barely touch, where sweeps do not", "[solvers][large]") {
  const auto q = nearly_decomposable(700, 1e-3, 61);
  const auto exact = solve_stationary(q, {.method = Method::kGth});
  const auto cycled = solve_stationary(q, {.method = Method::kMultilevel, .tolerance = 1e-13});
  INFO(cycled.message);
  REQUIRE(cycled.usable());
  CHECK(cycled.method_used == Method::kMultilevel);
  CHECK((cycled.probability - exact.probability).cwiseAbs().sum() < 1e-5);
  const auto swept = solve_stationary(q, {.method = Method::kGaussSeidel, .tolerance = 1e-13, .max_iterations = 500});
  CHECK_FALSE(swept.usable());
}

TEST_CASE("a hierarchy leaves a stationary distribution as it is", "[solvers][large]") {
  const auto q = tandem(40, 0.7, 1.0, 0.9);
  const auto exact = solve_stationary(q, {.method = Method::kGth});
  AggregationHierarchy hierarchy(q.incoming(), exact.probability);
  REQUIRE(hierarchy.levels() >= 3);
  CHECK(hierarchy.operator_complexity() < 2.5);
  Vector x = exact.probability;
  hierarchy.cycle(x);
  CHECK((x / x.sum() - exact.probability).cwiseAbs().maxCoeff() < 1e-15);
}

}  // namespace windtunnel::solvers
