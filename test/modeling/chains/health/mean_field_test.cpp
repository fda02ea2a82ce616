// SPDX-License-Identifier: Apache-2.0
// The mean field of many nodes against the lumped chain, and against AIReSim's published default run.
#include <cmath>

#include "modeling/chains/health/health_chain.h"
#include "solvers/queues/population_process.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;
using solvers::Vector;

namespace {

/// Nodes up, down; crews for a share of them: with each failing at l, repairs at min(down, crews) m.
solvers::PopulationProcess repair_process(double failure, double repair, double crew_share) {
  const auto change = [](int up, int down) { return (Eigen::VectorXi(2) << up, down).finished(); };
  return {{{change(-1, 1), [=](const Vector& x) { return failure * x(0); }},
           {change(1, -1), [=](const Vector& x) { return repair * std::min(x(1), crew_share); }}}};
}

/// AIReSim's default cluster in shares of its 4,160 servers: good and bad ones in the pool, in automatic and in manual
/// repair. Parameters: arXiv:2603.07041 table 1 (github.com/karthikp-ubc/airesim, airesim/params.py).
struct AiReSim {
  static constexpr double kDay = 1.0;
  static constexpr double kMinute = kDay / (24 * 60);
  double servers = 4160, active = 4096, bad_share = 0.15;
  double random_rate = 0.01 / kDay, systematic_rate = 0.05 / kDay;
  double recovery = 20 * kMinute;
  double auto_repair = 120 * kMinute, manual_repair = 2 * kDay;
  double to_manual = 0.8, auto_fails = 0.4, manual_fails = 0.2;

  /// Share of the pool that runs, and failures per day of running.
  double running_share(const Vector& x) const { return std::min(1.0, active / servers / (x(0) + x(1))); }
  double stops(const Vector& x) const {
    const double bad_active = servers * x(1) * running_share(x);
    return active * random_rate + bad_active * systematic_rate;
  }
  /// The job runs this share of the time.
  double pace(const Vector& x) const { return 1.0 / (1.0 + stops(x) * recovery); }

  solvers::PopulationProcess process() const {
    solvers::PopulationProcess process;
    const auto add = [&](int from, int to, const std::function<double(const Vector&)>& rate) {
      Eigen::VectorXi change = Eigen::VectorXi::Zero(6);
      change(from) = -1;
      change(to) = 1;
      process.transitions.push_back({change, rate});
    };
    // Pool good 0, bad 1; automatic repair good 2, bad 3; manual repair good 4, bad 5.
    add(0, 2, [this](const Vector& x) { return pace(x) * running_share(x) * x(0) * random_rate; });
    add(1, 3, [this](const Vector& x) { return pace(x) * running_share(x) * x(1) * (random_rate + systematic_rate); });
    add(2, 4, [this](const Vector& x) { return x(2) / auto_repair * to_manual; });
    add(3, 5, [this](const Vector& x) { return x(3) / auto_repair * to_manual; });
    add(2, 0, [this](const Vector& x) { return x(2) / auto_repair * (1 - to_manual); });
    add(3, 1, [this](const Vector& x) { return x(3) / auto_repair * (1 - to_manual) * auto_fails; });
    add(3, 0, [this](const Vector& x) { return x(3) / auto_repair * (1 - to_manual) * (1 - auto_fails); });
    add(4, 0, [this](const Vector& x) { return x(4) / manual_repair; });
    add(5, 1, [this](const Vector& x) { return x(5) / manual_repair * manual_fails; });
    add(5, 0, [this](const Vector& x) { return x(5) / manual_repair * (1 - manual_fails); });
    return process;
  }
};

}  // namespace

TEST_CASE("mean field and lumped chain agree as 1/N", "[chains][mean field]") {
  // Machine repairman below saturation of the crews: binomial-like. Refined mean within O(1/N^2), spread within O(1/N).
  const double failure = 0.02, repair = 0.5, crew_share = 0.1;
  const auto members = GENERATE(100, 1000, 12500);
  const auto field =
      solvers::solve_mean_field(repair_process(failure, repair, crew_share), (Vector(2) << 1.0, 0.0).finished());
  REQUIRE(field.usable());
  const DownCount exact = solve_down_count({.nodes = members,
                                            .spare_failure_ratio = 1,
                                            .failure_per_s = failure,
                                            .repair = {1 / repair, 1},
                                            .repair_crews = static_cast<Count>(crew_share * members)});
  const double n = members;
  double second = 0;
  for (Eigen::Index k = 0; k < exact.probability.size(); ++k)
    second += static_cast<double>(k * k) * exact.probability(k);
  CHECK(n * field.refined_share(n)(1) == Approx(exact.mean()).epsilon(n == 100 ? 2e-2 : 1e-4));
  CHECK(n * field.covariance(1, 1) == Approx(second - exact.mean() * exact.mean()).epsilon(n == 100 ? 0.1 : 0.01));
}

TEST_CASE("AIReSim's default run by mean field", "[chains][mean field]") {
  // 30 replications there: 9865.97 h +- 12.55, training ratio 0.6228, 689 systematic failures.
  const AiReSim cluster;
  constexpr double kWork = 256;  // days
  std::vector<double> times;
  constexpr double kStep = 1.0 / 24;
  for (int k = 0; k <= 24 * 450; ++k) times.push_back(k * kStep);
  const Vector start = (Vector(6) << 0.85, 0.15, 0, 0, 0, 0).finished();
  const auto path = solvers::fluid_path(cluster.process(), start, times);
  REQUIRE(path.usable());
  double work = 0, end = 0, systematic = 0;
  for (std::size_t k = 1; k < times.size() && work < kWork; ++k) {
    const Vector& x = path.shares[k];
    const double pace = 0.5 * (cluster.pace(path.shares[k - 1]) + cluster.pace(x));
    const double step = std::min(kStep, (kWork - work) / pace);
    work += step * pace;
    end = times[k - 1] + step;
    systematic += step * pace * cluster.servers * x(1) * cluster.running_share(x) * cluster.systematic_rate;
  }
  CHECK(end * 24 == Approx(9865.97).epsilon(0.005));
  CHECK(kWork / end == Approx(0.6228).epsilon(0.005));
  CHECK(systematic == Approx(689).epsilon(0.015));
}
