// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/coupled/training_health.h"

#include <algorithm>
#include <cmath>

#include "modeling/spec/parameter_count.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// Where neither a horizon nor a budget of tokens is stated.
constexpr double kHorizon_s = 30.0 * 86400.0;
/// 99 % point of the standard normal.
constexpr double kNormal99 = 2.3263478740408408;

double ideal_run_s(const PlacedTraining& placed, const StepChain& chain) {
  const double tokens_per_step =
      static_cast<double>(placed.training.global_batch) * static_cast<double>(placed.training.sequence_length);
  return *placed.training.tokens / tokens_per_step * chain.mean_s;
}

JobFacts job_facts(const PlacedTraining& placed, const StepChain& chain, const Machine& machine) {
  const Count replica_devices = placed.num_devices / placed.training.parallelism.data;
  const Count per_node = machine.profile.devices_per_node;
  JobFacts facts{.horizon_s = placed.training.tokens ? ideal_run_s(placed, chain) : kHorizon_s,
                 .replica_nodes = (replica_devices + per_node - 1) / per_node};
  if (placed.model.hidden_size > 0) facts.state_bytes = training_state_bytes(placed.model);
  return facts;
}

double step_s(const Spec& spec, const Machine& machine) {
  const PlacedTraining placed = place_training(spec, machine);
  return step_means(step_chain_problem(placed, couple_step_and_links(placed, machine), machine)).mean_s;
}

/// The job with replicas missing keeps its micro-batches per replica, so a step trains fewer sequences. Where the
/// layout does not allow it (experts folded over the replicas), speed goes with the nodes.
void ask_for_smaller_jobs(const Spec& spec, double full_step_s, const Machine& machine, JobHealth& health,
                          std::vector<std::string>& warnings) {
  for (std::size_t k = 1; k + 1 < health.levels.size(); ++k) {
    Spec smaller = spec;
    Parallelism& p = smaller.training->parallelism;
    const Count replicas = p.data;
    p.data = replicas - static_cast<Count>(k);
    if (p.data < 1) return;
    const double left = static_cast<double>(p.data) / static_cast<double>(replicas);
    smaller.training->global_batch = smaller.training->global_batch / replicas * p.data;
    smaller.cluster.num_devices = smaller.cluster.num_devices / replicas * p.data;
    if (p.expert > p.data * p.context * p.tensor || smaller.training->global_batch < p.data) {
      warnings.push_back(
          "elastic: the layout does not allow fewer replicas as it is; speed is taken to go with the nodes");
      return;
    }
    health.levels[k].speed_ratio = std::min(1.0, left * full_step_s / step_s(smaller, machine));
  }
}

/// A slow device holds up the steady part of the pipeline; while it fills and drains, one slow stage is one of many.
double speed_with(const SlowState& slow, const Spec& spec, double full_step_s, double steady_ratio,
                  const Machine& machine) {
  Machine slower = machine;
  if (slow.is_link) {
    slower.profile.scale_out.bandwidth_bytes_per_s.value *= slow.speed_ratio;
    return std::min(1.0, full_step_s / step_s(spec, slower));
  }
  slower.profile.compute.sustained_ratio.value *= slow.speed_ratio;
  const double all_slow_s = step_s(spec, slower);
  return full_step_s / (full_step_s + steady_ratio * std::max(0.0, all_slow_s - full_step_s));
}

double steady_ratio(const PlacedTraining& placed, const TrainingStep& step) {
  double wait_s = 0.0;
  for (double rank_wait_s : step.pipeline.wait_s) wait_s += rank_wait_s;
  const double all_s = static_cast<double>(step.pipeline.wait_s.size()) * step.pipeline.makespan.mean_s;
  return placed.training.service_times || all_s <= 0.0 ? 1.0 : 1.0 - wait_s / all_s;
}

void ask_for_slow_states(const Spec& spec, const PlacedTraining& placed, const TrainingAnswer& answer,
                         const Machine& machine, TrainingHealth& result) {
  const double steady = steady_ratio(placed, answer.coupled.step());
  double kept = 1.0;
  for (const SlowState& slow : result.health.slow_states) {
    const double speed =
        placed.training.service_times ? slow.speed_ratio : speed_with(slow, spec, answer.chain.mean_s, steady, machine);
    result.slow_speed_ratios.push_back(speed);
    kept *= 1.0 - slow.any_probability() * (1.0 - speed);
  }
  result.slow_loss_ratio = 1.0 - kept;
}

/// Noise of the job's pace from slow states: two-state modulation, variance 2 p (1 - p) (1 - v)^2 / (a + b) per second,
/// the states being left at b = onset rate x (1 - p) / p.
double slow_variance_s(const TrainingHealth& result) {
  double variance = 0.0;
  for (std::size_t k = 0; k < result.health.slow_states.size(); ++k) {
    const SlowState& slow = result.health.slow_states[k];
    const double p = slow.any_probability();
    const double loss = 1.0 - result.slow_speed_ratios[k];
    const double onset = slow.count * slow.onset_per_s;
    if (p > 0.0 && p < 1.0) variance += 2.0 * p * (1.0 - p) * loss * loss / (onset + onset * (1.0 - p) / p);
  }
  return variance;
}

/// Pace of one level: stops come as a renewal process of working times and recoveries; each costs recovery and work
/// that is lost, taken as uniform between nothing and twice its mean.
WorkPace level_pace(const JobLevel& level, const TrainingHealth& result, double step_variance_s) {
  if (!level.runs) return {};
  const JobChainProblem& problem = result.availability.job_problem;
  const double speed = level.speed_ratio * (1.0 - result.slow_loss_ratio);
  const double strikes = problem.strikes_in_recovery ? level.failure_per_s : 0.0;
  const solvers::CentralMoments recovery = struck_recovery_moments(problem.routes, strikes);
  const double cycles = level.failure_per_s / (1.0 + level.failure_per_s * recovery.mean_s);
  const double up = (1.0 - cycles * recovery.mean_s) / (1.0 + problem.maintenance_per_s * problem.maintenance_s);
  const double unhindered =
      1.0 - (level.up.checkpoint_ratio > 0.0
                 ? result.availability.checkpoint.blocking_s /
                       (result.availability.checkpoint.interval_s + result.availability.checkpoint.blocking_s)
                 : 0.0);
  const double lost_s = level.failure_per_s > 0.0 ? level.up.lost_ratio / level.failure_per_s : 0.0;
  const double pace = speed * unhindered;
  const double loss = pace * (lost_s + recovery.mean_s);
  const double variance = pace * pace * (lost_s * lost_s / 3.0 + recovery.variance_s2);
  const double third = pace * pace * pace * recovery.third_s3;
  const double mean = speed * up * level.up.productive_ratio;
  return {
      .mean_ratio = mean,
      .variance_s = cycles * (loss * loss + variance) + mean * step_variance_s + mean * mean * slow_variance_s(result),
      .third_s2 = -cycles * (loss * loss * loss + 3.0 * loss * variance + third)};
}

WorkPassageProblem passage_problem(const TrainingHealth& result, const StepChain& chain) {
  const AvailabilityAnswer& answer = result.availability;
  const double step_variance_s = chain.std_s * chain.std_s / chain.mean_s;
  WorkPassageProblem problem{.health = result.health.nodes,
                             .level_of = [health = result.health](Count down) { return health.level_of(down); },
                             .loss_per_s = result.health.stops.failure_per_s,
                             .work_s = *result.work_s};
  for (const JobLevel& level : answer.job_problem.levels)
    problem.pace.push_back(level_pace(level, result, step_variance_s));
  const CheckpointPlan& plan = answer.checkpoint;
  if (std::isfinite(plan.interval_s) && plan.interval_s > 0.0)
    problem.fastest_ratio = plan.interval_s / (plan.interval_s + plan.blocking_s);
  for (const SlowState& slow : result.health.slow_states) problem.loss_per_s += slow.count * slow.onset_per_s;
  problem.loss_per_s += answer.job_problem.maintenance_per_s;
  // Nodes that come back cost a resize. After waiting the job recovers from the stop that made it wait, which its level
  // has counted already.
  for (const LevelMove& move : answer.job_problem.moves) {
    if (move.to > move.from || !answer.job_problem.levels[move.from].runs) continue;
    problem.pace[move.from].mean_ratio -= move.rate_per_s * result.health.resize_s * problem.pace[move.to].mean_ratio;
  }
  return problem;
}

/// Without failures the sum of many independent steps is nearly normal.
WorkPassage unhindered_passage(const WorkPassageProblem& problem, const StepChain& chain) {
  const double mean_s = problem.work_s / problem.fastest_ratio;
  const double spread_s = std::sqrt(problem.work_s / chain.mean_s) * chain.std_s;
  WorkPassage passage{.mean_s = mean_s, .p50_s = mean_s, .p99_s = mean_s + kNormal99 * spread_s};
  passage.method = "sum of independent steps, normal law";
  passage.finished_probability = [mean_s, spread_s](double time_s) {
    if (spread_s == 0.0) return time_s >= mean_s ? 1.0 : 0.0;
    return 0.5 * std::erfc((mean_s - time_s) / (spread_s * std::sqrt(2.0)));
  };
  return passage;
}

}  // namespace

TrainingHealth solve_training_health(const Spec& spec, const PlacedTraining& placed, const TrainingAnswer& answer,
                                     const Machine& machine, Ask ask, std::vector<std::string>& warnings) {
  TrainingHealth result;
  result.health = describe_job_health(spec, machine, job_facts(placed, answer.chain, machine), warnings);
  Spec resolved = spec;
  resolved.training = placed.training;
  ask_for_smaller_jobs(resolved, answer.chain.mean_s, machine, result.health, warnings);
  ask_for_slow_states(resolved, placed, answer, machine, result);
  result.availability = solve_availability(result.health);
  result.questions = ask_about_health(result.health, result.availability, ask);
  result.goodput_ratio = result.availability.job.work_ratio * (1.0 - result.slow_loss_ratio);
  if (!placed.training.tokens) return result;
  result.work_s = ideal_run_s(placed, answer.chain);
  const WorkPassageProblem problem = passage_problem(result, answer.chain);
  result.passage = problem.loss_per_s > 0.0 ? solve_work_passage(problem) : unhindered_passage(problem, answer.chain);
  return result;
}

}  // namespace windtunnel::modeling
