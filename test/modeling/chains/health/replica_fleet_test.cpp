// SPDX-License-Identifier: Apache-2.0
// The fleet of replicas against binomial, Erlang and machine-repair formulas.
#include "modeling/chains/health/replica_fleet.h"

#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "solvers/numerics/confidence.h"
#include "solvers/queues/queues.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;

namespace {

/// Replicas and nodes one by one. Idle nodes, spares and those of incomplete replicas alike, are a pool from which
/// replicas are made whole; a replica is struck while it serves or restarts.
class FleetSimulation {
 public:
  FleetSimulation(const ReplicaFleet& fleet, std::uint64_t seed)
      : fleet_(fleet), random_(seed), idle_(fleet.spares), serving_(fleet.replicas) {}

  /// Shares of the next `horizon_s` with each number of replicas serving.
  std::vector<double> run(double horizon_s) {
    std::vector<double> share(static_cast<std::size_t>(fleet_.replicas) + 1, 0.0);
    for (double left = horizon_s; left > 0.0;) {
      const double nodes = static_cast<double>(fleet_.nodes_per_replica) * fleet_.node_failure_per_s;
      const auto times = [](Count count, double rate) { return static_cast<double>(count) * rate; };
      const std::array<double, 5> rate = {
          times(serving_, nodes), times(restarting_, nodes), times(serving_, fleet_.replica_failure_per_s),
          times(restarting_, 1 / fleet_.restart_s), times(repairing_, 1 / fleet_.node_repair_s)};
      const double all = std::accumulate(rate.begin(), rate.end(), 0.0);
      const double stay = std::min(left, std::exponential_distribution<double>(all)(random_));
      share[static_cast<std::size_t>(serving_)] += stay / horizon_s;
      left -= stay;
      if (left > 0.0) happen(std::discrete_distribution<int>(rate.begin(), rate.end())(random_));
    }
    return share;
  }

 private:
  void happen(int event) {
    if (event <= 1) {  // a node of a serving or a restarting replica fails
      --(event == 0 ? serving_ : restarting_);
      ++repairing_;
      ++waiting_;
      idle_ += fleet_.nodes_per_replica - 1;
    } else if (event == 2) {
      --serving_;
      ++restarting_;
    } else if (event == 3) {
      --restarting_;
      ++serving_;
    } else {
      --repairing_;
      ++idle_;
    }
    for (; waiting_ > 0 && idle_ >= fleet_.nodes_per_replica; --waiting_, ++restarting_)
      idle_ -= fleet_.nodes_per_replica;
  }

  const ReplicaFleet& fleet_;
  std::mt19937_64 random_;
  Count idle_, serving_, restarting_ = 0, waiting_ = 0, repairing_ = 0;
};

}  // namespace

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

TEST_CASE("the fleet agrees with a simulation of its replicas and nodes", "[chains][fleet][simulation]") {
  const ReplicaFleet fleet{.replicas = 6,
                           .nodes_per_replica = GENERATE(1, 3),
                           .spares = 2,
                           .node_failure_per_s = 0.02,
                           .replica_failure_per_s = 0.05,
                           .node_repair_s = 5,
                           .restart_s = 0.8};
  const FleetLaw law = solve_fleet(fleet);
  constexpr int kBatches = 50;
  constexpr double kBatch_s = 4000;
  FleetSimulation simulation(fleet, 20251125);
  std::vector<std::vector<double>> shares(7);
  for (int k = 0; k < kBatches; ++k) {
    const std::vector<double> batch = simulation.run(kBatch_s);
    for (std::size_t serving = 0; serving <= 6; ++serving) shares[serving].push_back(batch[serving]);
  }
  for (std::size_t serving = 0; serving <= 6; ++serving) {
    const solvers::Estimate simulated = solvers::mean_estimate(shares[serving], 0.9999);
    const double answer = law.probability(static_cast<Eigen::Index>(serving));
    INFO(serving << " serving: " << answer << " in [" << simulated.low << ", " << simulated.high << "]");
    // Rare states may stay unseen.
    CHECK(answer > simulated.low - 1e-4);
    CHECK(answer < simulated.high + 1e-4);
  }
}
