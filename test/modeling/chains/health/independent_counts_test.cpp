// SPDX-License-Identifier: Apache-2.0
// Independent counts of nodes and domains against the joint chain: never fewer shortages, never more than the bound.
#include "modeling/chains/health/independent_counts.h"

#include <cmath>

#include "modeling/chains/health/health_chain.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
using windtunnel::solvers::Vector;

namespace {

NodeHealth fleet(double spare_failure_ratio, std::optional<Count> crews) {
  return {.nodes = 200,
          .spares = 8,
          .spare_failure_ratio = spare_failure_ratio,
          .failure_per_s = 0.01,
          .repair = {1.0, 1},
          .repair_crews = crews,
          .domains = {{.name = "switch", .nodes = 16, .count = 12, .failure_per_s = 0.01, .repair_per_s = 2},
                      {.name = "rack", .nodes = 4, .count = 50, .failure_per_s = 0.002, .repair_per_s = 0.5}}};
}

double more_than(const Vector& law, Count spares) {
  return law.size() > spares + 1 ? law.tail(law.size() - spares - 1).sum() : 0.0;
}

NodeHealth without_domains(NodeHealth health) {
  health.domains.clear();
  return health;
}

}  // namespace

TEST_CASE("independent counts never understate a shortage and keep their bound", "[chains][health]") {
  const double spares_fail = GENERATE(0.0, 0.5, 1.0);
  const std::optional<Count> crews = GENERATE(std::optional<Count>(), std::optional<Count>(4));
  NodeHealth health = fleet(spares_fail, crews);
  if (crews) health.domains.pop_back();  // the queue for a crew is long
  const DownCount joint = solve_down_count(health);
  REQUIRE_FALSE(joint.counts_are_independent);
  const IndependentCounts counts = independent_counts(health, solve_down_count(without_domains(health)).probability);
  const Vector down = sum_law(counts.broken, nodes_in_domains(health, counts));
  CHECK(down.sum() == Approx(1).epsilon(1e-12));
  CHECK(counts.bound.has_value() == !crews.has_value());
  double furthest = 0;
  for (Count n = 0; n < 60; ++n) {
    const double excess = more_than(down, n) - more_than(joint.probability, n);
    CHECK(excess > -1e-12);
    furthest = std::max(furthest, excess);
  }
  CHECK(furthest > 0);
  if (counts.bound) CHECK(furthest < *counts.bound);
  CHECK(furthest < (crews ? 0.02 : 0.01));
}

TEST_CASE("many pods fall back to independent counts and agree with a smaller joint chain", "[chains][health]") {
  // Pods that fail rarely, but of which many may be down, make the joint chain large.
  NodeHealth health = fleet(0.0, std::nullopt);
  const auto level_of = [&](Count down) -> std::size_t { return down > health.spares ? 1 : 0; };
  const LevelLaw joint = solve_levels_of_job(health, level_of, 2);
  const double exhaustion = solve_exhaustion(health, 20.0).probability;
  health.domains.push_back({.name = "pod", .nodes = 64, .count = 400, .failure_per_s = 1e-6, .repair_per_s = 1e-2});
  const DownCount down = solve_down_count(health);
  REQUIRE(down.counts_are_independent);
  const LevelLaw levels = solve_levels_of_job(health, level_of, 2);
  // 4 % of the time a pod is down; the rest of the time the joint chain without it holds.
  const double pods = std::exp(-400 * std::log1p(1e-4));
  CHECK(levels.probability(1) == Approx(1 - pods * joint.probability(0)).epsilon(0.03));
  REQUIRE(levels.moves.size() == 2);
  CHECK(levels.probability(0) * levels.moves[0].rate_per_s ==
        Approx(levels.probability(1) * levels.moves[1].rate_per_s).epsilon(1e-9));
  CHECK(down.at_most(health.spares) == Approx(levels.probability(0)).epsilon(1e-12));
  // From above: shortages that come back at once count again.
  CHECK(solve_exhaustion(health, 20.0).probability > exhaustion);
}
