// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/health/availability.h"

#include <algorithm>
#include <cmath>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// At least the time to the first stop is spent at full size.
solvers::Vector long_run_level_s(const JobHealth& health, const LevelLaw& levels) {
  const double rate = health.stops.failure_per_s;
  const double until_first_stop_s = rate > 0.0 ? -std::expm1(-rate * health.horizon_s) / rate : health.horizon_s;
  solvers::Vector time_s = levels.probability * health.horizon_s;
  time_s(0) = std::max(time_s(0), until_first_stop_s);
  return time_s;
}

/// All the time without nodes: the chain would have no state to work in.
JobChain always_waiting() {
  JobChain chain;
  chain.waiting_ratio = 1.0;
  chain.solution.termination = solvers::Termination::kConverged;
  chain.solution.method_used = solvers::Method::kGraph;
  chain.solution.probability = solvers::Vector::Ones(1);
  chain.state_names = {"waiting for nodes"};
  chain.states = 1;
  return chain;
}

}  // namespace

double AvailabilityAnswer::failures_expected() const {
  double sum = 0.0;
  for (std::size_t k = 0; k < job_problem.levels.size(); ++k)
    sum += job_problem.levels[k].failure_per_s * level_s(static_cast<solvers::Index>(k));
  return sum;
}

CheckpointPlan chosen_checkpoint(const JobHealth& health) {
  CheckpointPlan plan = health.checkpoint;
  if (health.optimal_interval) plan.interval_s = optimal_interval_s(health.stops, plan);
  return plan;
}

JobChainProblem job_chain_problem(const JobHealth& health, const LevelLaw& levels, const CheckpointPlan& checkpoint) {
  JobChainProblem problem{.levels = health.levels,
                          .moves = levels.moves,
                          .routes = health.routes,
                          .strikes_in_recovery = health.struck_in_recovery,
                          .resize_s = health.resize_s};
  if (checkpoint.interval_s > 0.0 && std::isfinite(checkpoint.interval_s))
    problem.turns_per_s = 1.0 / (checkpoint.interval_s + checkpoint.blocking_s);
  for (JobLevel& level : problem.levels) {
    if (level.runs) level.up = up_shares({.failure_per_s = level.failure_per_s, .scv = health.stops.scv}, checkpoint);
  }
  if (health.maintenance) {
    problem.maintenance_per_s = 1.0 / health.maintenance->every_s;
    problem.maintenance_s = health.maintenance->duration_s;
    for (const RecoveryRoute& route : health.routes)
      problem.maintenance_s += route.share * route.stages[static_cast<int>(RecoveryStage::kRestart)].mean_s;
  }
  return problem;
}

AvailabilityAnswer solve_availability(const JobHealth& health) {
  AvailabilityAnswer answer;
  answer.down = solve_down_count(health.nodes);
  answer.availability_ratio = answer.down.at_most(health.nodes.spares);
  const auto level_of = [&](Count down) { return health.level_of(down); };
  answer.levels = solve_levels_of_job(health.nodes, level_of, health.levels.size());
  const auto level_s = level_times_s(health.nodes, level_of, health.levels.size(), health.horizon_s);
  answer.level_s = level_s.value_or(long_run_level_s(health, answer.levels));
  answer.level_times_from_long_run = !level_s;
  answer.exhaustion = solve_exhaustion(health.nodes, health.horizon_s);
  answer.checkpoint = chosen_checkpoint(health);
  answer.job_problem = job_chain_problem(health, answer.levels, answer.checkpoint);
  // Below this share of time with nodes the chain's rates would span more than double precision.
  constexpr double kNeverRuns = 1e-200;
  const bool runs = answer.levels.probability(0) > kNeverRuns;
  answer.job = runs ? solve_job_chain(answer.job_problem) : always_waiting();
  answer.spares_99 = smallest_spares(health.nodes, 0.99, answer.down);
  answer.spares_999 = smallest_spares(health.nodes, 0.999, answer.down);
  answer.spares_9999 = smallest_spares(health.nodes, 0.9999, answer.down);
  return answer;
}

}  // namespace windtunnel::modeling
