// SPDX-License-Identifier: Apache-2.0
// The fleet of replicas against binomial, Erlang and machine-repair formulas.
#include "modeling/chains/replica_fleet.h"

#include <cmath>

#include "solvers/queues.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;

TEST_CASE("crashes of software alone: replicas serve independently", "[chains][fleet]") {
  // P(r serve) = Binomial(R, m / (m + l)).
  const double l = 1e-4, restart_s = 300;
  const FleetLaw law = solve_fleet({.replicas = 40, .replica_failure_per_s = l, .restart_s = restart_s});
  const double p = 1 / (1 + l * restart_s);
  CHECK(law.mean() == Approx(40 * p).epsilon(1e-9));
  CHECK(law.at_least(40) == Approx(std::pow(p, 40)).epsilon(1e-9));
  CHECK(law.at_least(39) == Approx(std::pow(p, 40) + 40 * std::pow(p, 39) * (1 - p)).epsilon(1e-9));
  CHECK(law.failures_per_s == Approx(l * law.mean()).epsilon(1e-12));
}

TEST_CASE("one node each, no spares, no restart: the machine repairman", "[chains][fleet]") {
  const auto crews = GENERATE(1, 3);
  const FleetLaw law =
      solve_fleet({.replicas = 12, .node_failure_per_s = 0.05, .node_repair_s = 2.0, .repair_crews = crews});
  const solvers::MachineRepair repair = solvers::machine_repair(12, crews, 0.05, 0.5);
  for (Count r = 0; r <= 12; ++r)
    CHECK(law.at_least(r) == Approx(repair.at_most(static_cast<int>(12 - r))).epsilon(1e-9));
}

TEST_CASE("spares turn waits for repair into restarts", "[chains][fleet]") {
  // With spares in plenty each failure costs one restart: 1 - l_r / (l_r + m) of the time per replica of 2 nodes.
  const double l = 1e-6, restart_s = 600;
  const ReplicaFleet fleet{.replicas = 20,
                           .nodes_per_replica = 2,
                           .spares = 30,
                           .node_failure_per_s = l,
                           .node_repair_s = 86400,
                           .restart_s = restart_s};
  CHECK(solve_fleet(fleet).mean() == Approx(20 / (1 + 2 * l * restart_s)).epsilon(1e-7));
  ReplicaFleet none = fleet;
  none.spares = 0;
  // Without them a replica waits a day; two missing nodes pack into one replica.
  CHECK(solve_fleet(none).mean() < 20 - 20 * 2 * l * 86400 * 0.5);
  CHECK(solve_fleet(none).mean() > 20 - 20 * 2 * l * (86400 + restart_s) * 1.01);
}

TEST_CASE("a domain takes several replicas at once", "[chains][fleet]") {
  // 8 of 40 replicas on one of 5 switches; unlimited repair: mean down = 40 d / (1 + d), d = l_d / m_d.
  const double l = 1e-7, repair_s = 3600;
  const FleetLaw law = solve_fleet(
      {.replicas = 40,
       .domains = {{.name = "switch", .nodes = 8, .count = 5, .failure_per_s = l, .repair_per_s = 1 / repair_s}}});
  const double d = l * repair_s;
  CHECK(40 - law.mean() == Approx(40 * d / (1 + d)).epsilon(1e-6));
  CHECK(law.at_least(33) == Approx(std::pow(1 / (1 + d), 5)).epsilon(1e-9));
}
