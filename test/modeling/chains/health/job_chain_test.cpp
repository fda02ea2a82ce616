// SPDX-License-Identifier: Apache-2.0
// The chain of the job: against the closed forms it contains, and against single nodes written out.
#include "modeling/chains/health/job_chain.h"

#include <cmath>

#include "modeling/chains/health/checkpointing.h"
#include "solvers/chain/initial_distribution.h"
#include "solvers/numerics/kronecker.h"
#include "solvers/transient/transient.h"
#include "test/catch.h"

using namespace windtunnel::modeling;
namespace solvers = windtunnel::solvers;
using solvers::Matrix;

namespace {

RecoveryRoute route(const std::string& name, double share, Duration detect, Duration localize, Duration restart) {
  RecoveryRoute made{.name = name, .share = share};
  made.stages = {detect, localize, restart};
  return made;
}

/// Full size and too few nodes, as the chain of counts says.
JobChainProblem job(const NodeHealth& nodes, double other_stops_per_s, const CheckpointPlan& plan,
                    const std::vector<RecoveryRoute>& routes) {
  const LevelLaw law = solve_levels_of_job(
      nodes, [&](Count down) -> std::size_t { return down > nodes.spares; }, 2);
  const double rate = static_cast<double>(nodes.nodes) * nodes.failure_per_s + other_stops_per_s;
  return {.levels = {{.name = "full", .failure_per_s = rate, .up = up_shares({.failure_per_s = rate}, plan)},
                     {.name = "short", .runs = false}},
          .moves = law.moves,
          .routes = routes};
}

/// One node with its spare-free repair: up, and the phases of the repair.
Matrix node_generator(double failure_per_s, const solvers::PhaseType& repair) {
  Matrix q = Matrix::Zero(repair.phases() + 1, repair.phases() + 1);
  for (int k = 0; k < repair.phases(); ++k) {
    q(0, k + 1) = failure_per_s * repair.initial()(k);
    q(k + 1, 0) = repair.exit_per_s()(k);
    for (int j = 0; j < repair.phases(); ++j) q(k + 1, j + 1) += repair.rate_per_s().coeff(k, j);
  }
  q.diagonal() -= q.rowwise().sum();
  return q;
}

solvers::Generator from_matrix(const Matrix& q) {
  std::vector<solvers::Transition> transitions;
  for (Eigen::Index i = 0; i < q.rows(); ++i) {
    for (Eigen::Index j = 0; j < q.cols(); ++j)
      if (i != j && q(i, j) > 0) transitions.push_back({i, j, q(i, j)});
  }
  return solvers::Generator(q.rows(), transitions);
}

}  // namespace

TEST_CASE("one constant restart: the chain has the shares of Daly's segment", "[chains][job]") {
  // productive = A L t exp(-L R) / (exp(L (t + C)) - 1).
  const double restart_scv = GENERATE(0.0, 0.5, 1.0);
  const NodeHealth nodes{.nodes = 256, .spares = 3, .failure_per_s = 1e-7, .repair = {50'000, 1}};
  const CheckpointPlan plan{.interval_s = 900, .blocking_s = 30};
  const JobChain chain = solve_job_chain(job(nodes, 1e-5, plan, {route("restart", 1, {}, {}, {400, restart_scv})}));
  const double available = solve_down_count(nodes).at_most(3);
  const CheckpointShares shares =
      checkpoint_shares({.failure_per_s = 256e-7 + 1e-5, .blocking_s = 30, .restart = {400, restart_scv}}, 900);
  CHECK(available < 0.99);
  CHECK(chain.waiting_ratio == Approx(1 - available).epsilon(1e-10));
  CHECK(chain.productive_ratio == Approx(available * shares.productive_ratio).epsilon(1e-10));
  CHECK(chain.checkpoint_ratio == Approx(available * shares.checkpoint_ratio).epsilon(1e-10));
  CHECK(chain.lost_ratio == Approx(available * shares.rework_ratio).epsilon(1e-9));
  CHECK(chain.restart_ratio == Approx(available * shares.restart_ratio).epsilon(1e-9));
}

TEST_CASE("failures that wait for the end of recovery: the other convention", "[chains][job]") {
  // eff = L t / [(exp(L (t + C)) - 1) (1 + L R)].
  const NodeHealth nodes{.nodes = 1, .failure_per_s = 0};
  const double rate = 1.0 / 11135.16;
  JobChainProblem problem =
      job(nodes, rate, {.interval_s = 3600, .blocking_s = 60}, {route("restart", 1, {}, {}, {600, 0})});
  problem.strikes_in_recovery = false;
  CHECK(solve_job_chain(problem).productive_ratio ==
        Approx(rate * 3600 / (std::expm1(rate * 3660) * (1 + rate * 600))).epsilon(1e-12));
}

TEST_CASE("classes and stages of recovery share the time as their means do", "[chains][job]") {
  const NodeHealth nodes{.nodes = 1, .failure_per_s = 0};
  const std::vector<RecoveryRoute> routes = {
      route("process", 0.3, {10, 0}, {}, {30, 0}),
      route("swap", 0.6, {10, 0}, {120, 4}, {180, 3}),
      route("requeue", 0.1, {10, 0}, {600, 1}, {600, 0}),
  };
  const double rate = 1e-7;  // strikes in recovery are rare
  const JobChain chain = solve_job_chain(job(nodes, rate, {.interval_s = 600, .blocking_s = 10}, routes));
  const double detect = 10, localize = 0.6 * 120 + 0.1 * 600, restart = 0.3 * 30 + 0.6 * 180 + 0.1 * 600;
  CHECK(chain.detect_ratio == Approx(rate * detect).epsilon(1e-3));
  CHECK(chain.localize_ratio == Approx(rate * localize).epsilon(1e-3));
  CHECK(chain.restart_ratio == Approx(rate * restart).epsilon(1e-3));
  CHECK(struck_recovery_s(routes, rate) == Approx(detect + localize + restart).epsilon(1e-3));
}

TEST_CASE("struck recovery: mean and moments are those of the geometric sum", "[chains][job]") {
  // Constant R under failures at L, all tries: E = (exp(L R) - 1) / L; E[exp(-u X)] known in closed form.
  const double rate = 1e-3, restart_s = 500;
  const std::vector<RecoveryRoute> routes = {route("restart", 1, {}, {}, {restart_s, 0})};
  CHECK(struck_recovery_s(routes, rate) == Approx(std::expm1(rate * restart_s) / rate).epsilon(1e-13));
  const solvers::CentralMoments moments = struck_recovery_moments(routes, rate);
  CHECK(moments.mean_s == Approx(std::expm1(rate * restart_s) / rate).epsilon(1e-10));
  // Var = (exp(2 L R) - 2 L R exp(L R) - 1) / L^2 (time to the first run of length R: Feller I, XIII.7).
  const double e = std::exp(rate * restart_s);
  CHECK(moments.variance_s2 == Approx((e * e - 2 * rate * restart_s * e - 1) / (rate * rate)).epsilon(1e-9));
}

TEST_CASE("lumped nodes are the Kronecker sum of single ones", "[chains][job]") {
  // N <= 5 nodes, each up or in a phase of its repair: long run and transient of the number down.
  const Count nodes = GENERATE(1, 3, 5);
  const double scv = GENERATE(1.0, 4.0, 0.5);
  const NodeHealth health{.nodes = nodes, .spare_failure_ratio = 1, .failure_per_s = 0.3, .repair = {2, scv}};
  const Matrix one = node_generator(0.3, repair_phases(health.repair));
  Matrix all = one;
  for (Count k = 1; k < nodes; ++k) all = solvers::kronecker_sum(all, one);
  const solvers::Generator q = from_matrix(all);
  const auto down_in = [&](Eigen::Index state) {
    Count down = 0;
    for (Count k = 0; k < nodes; ++k, state /= one.rows()) down += state % one.rows() != 0;
    return down;
  };
  const auto law_of = [&](const solvers::Vector& p) {
    solvers::Vector law = solvers::Vector::Zero(nodes + 1);
    for (Eigen::Index k = 0; k < p.size(); ++k) law(down_in(k)) += p(k);
    return law;
  };
  const solvers::Vector exact = law_of(solvers::solve_stationary(q).probability);
  CHECK((solve_down_count(health).probability - exact).cwiseAbs().maxCoeff() < 1e-12);
  const auto at = solvers::solve_transient(q, solvers::point_mass(q.states(), 0), {1.7}, {.with_sojourn = true});
  const auto lumped = level_times_s(
      health, [](Count down) { return static_cast<std::size_t>(down); }, static_cast<std::size_t>(nodes + 1), 1.7);
  REQUIRE(lumped);
  CHECK((*lumped - law_of(at.sojourn_s[0])).cwiseAbs().maxCoeff() < 1e-10);
}

TEST_CASE("levels keep the probabilities of the chain of counts", "[chains][job]") {
  const NodeHealth nodes{.nodes = 64, .spares = 2, .failure_per_s = 1e-6, .repair = {80'000, 1}};
  const LevelOfCount level_of = [](Count down) -> std::size_t { return down <= 2 ? 0 : down <= 6 ? 1 : 2; };
  const LevelLaw law = solve_levels_of_job(nodes, level_of, 3);
  const CheckpointPlan plan{.interval_s = 900, .blocking_s = 30};
  const auto level = [&](const std::string& name, double speed, double rate) {
    return JobLevel{.name = name, .speed_ratio = speed, .failure_per_s = rate, .up = up_shares({rate}, plan)};
  };
  const JobChainProblem problem{
      .levels = {level("full", 1, 64e-6), level("smaller", 60.0 / 64, 60e-6), {.name = "short", .runs = false}},
      .moves = law.moves,
      .routes = {route("restart", 1, {5, 0}, {}, {300, 2})},
      .resize_s = 60};
  const JobChain chain = solve_job_chain(problem);
  const double sum = chain.productive_ratio + chain.checkpoint_ratio + chain.lost_ratio + chain.detect_ratio +
                     chain.localize_ratio + chain.restart_ratio + chain.resize_ratio + chain.maintenance_ratio +
                     chain.waiting_ratio;
  CHECK(sum == Approx(1).epsilon(1e-12));
  CHECK(chain.waiting_ratio == Approx(law.probability(2)).epsilon(1e-9));
  CHECK(chain.work_ratio < chain.productive_ratio);
  CHECK(chain.work_ratio > 60.0 / 64 * chain.productive_ratio);
}
