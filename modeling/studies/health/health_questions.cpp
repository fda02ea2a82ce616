// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/health/health_questions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "modeling/chains/health/checkpointing.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Work over wall of a changed job; the law of its levels only anew where nodes or repairs changed.
double work_ratio(const JobHealth& health, const LevelLaw* known) {
  const LevelLaw levels =
      known ? *known
            : solve_levels_of_job(
                  health.nodes, [&](Count down) { return health.level_of(down); }, health.levels.size());
  if (!(levels.probability(0) > 0.0)) return 0.0;
  return solve_job_chain(job_chain_problem(health, levels, chosen_checkpoint(health))).work_ratio;
}

/// All failures of one cause `factor` times as frequent.
void scale_cause(const FailureCause& cause, double factor, JobHealth& health) {
  const double added = cause.job_rate_per_s() * (factor - 1.0);
  health.stops.failure_per_s += added;
  for (std::size_t k = 0; k < health.levels.size(); ++k) {
    JobLevel& level = health.levels[k];
    if (level.runs) level.failure_per_s += cause.level == FailureLevel::kJob ? added : added * level.speed_ratio;
  }
  if (cause.level == FailureLevel::kNode) health.nodes.failure_per_s += added / static_cast<double>(health.nodes.nodes);
  for (DomainKind& domain : health.nodes.domains) {
    if (cause.level == FailureLevel::kDomain && domain.name == cause.name) domain.failure_per_s *= factor;
  }
}

void scale_stage(RecoveryStage stage, double factor, JobHealth& health) {
  for (RecoveryRoute& route : health.routes) route.stages[static_cast<int>(stage)].mean_s *= factor;
}

bool has_stage(const JobHealth& health, RecoveryStage stage) {
  return std::any_of(health.routes.begin(), health.routes.end(),
                     [&](const RecoveryRoute& route) { return route.stages[static_cast<int>(stage)].mean_s > 0.0; });
}

/// One stage of one class of recovery.
void scale_stage(RecoveryStage stage, std::size_t route, double factor, JobHealth& health) {
  health.routes[route].stages[static_cast<int>(stage)].mean_s *= factor;
}

void scale_repair(double factor, JobHealth& health) {
  health.nodes.repair.mean_s *= factor;
  for (DomainKind& domain : health.nodes.domains) domain.repair_per_s /= factor;
}

/// A change of the job by a factor, and whether it moves the chain of nodes.
struct Lever {
  std::string name;
  bool moves_nodes = false;
  std::function<void(double factor, JobHealth& health)> pull;
  /// Levers of one group do the same in proportion to their shares; empty: on its own.
  std::string group;
  double share = 1.0;
};

std::vector<Lever> levers(const JobHealth& health) {
  std::vector<Lever> list;
  // Causes of the same level that move the same rate share its elasticity: only the sum of node failures enters.
  const double by_nodes = job_failure_per_s(health.causes, FailureLevel::kNode);
  for (const FailureCause& cause : health.causes) {
    const bool is_node = cause.level == FailureLevel::kNode;
    const double share = is_node && by_nodes > 0.0 ? cause.job_rate_per_s() / by_nodes : 1.0;
    list.push_back({"failure_rate." + cause.name, cause.level != FailureLevel::kJob,
                    [cause](double factor, JobHealth& changed) { scale_cause(cause, factor, changed); },
                    is_node ? "node" : "", share});
  }
  if (nodes_fail(health.nodes) || !health.nodes.domains.empty()) list.push_back({"repair_time", true, scale_repair});
  const std::array<std::string, kRecoveryStages> names = {"detect_time", "localize_time", "restart_time"};
  for (int stage = 0; stage < kRecoveryStages; ++stage) {
    const auto which = static_cast<RecoveryStage>(stage);
    if (has_stage(health, which))
      list.push_back({names[static_cast<std::size_t>(stage)], false,
                      [which](double factor, JobHealth& changed) { scale_stage(which, factor, changed); }});
    for (std::size_t route = 0; route < health.routes.size() && health.routes.size() > 1; ++route) {
      if (health.routes[route].stages[static_cast<std::size_t>(stage)].mean_s > 0.0)
        list.push_back(
            {names[static_cast<std::size_t>(stage)] + "." + health.routes[route].name, false,
             [which, route](double factor, JobHealth& changed) { scale_stage(which, route, factor, changed); }});
    }
  }
  list.push_back({"checkpoint.blocking", false,
                  [](double factor, JobHealth& changed) { changed.checkpoint.blocking_s *= factor; }});
  return list;
}

double after(const Lever& lever, double factor, const JobHealth& health, const LevelLaw& levels) {
  JobHealth changed = health;
  lever.pull(factor, changed);
  return work_ratio(changed, lever.moves_nodes ? nullptr : &levels);
}

/// By a central difference of one percent; empty where the goodput is 0.
std::optional<double> elasticity(const Lever& lever, const JobHealth& health, const LevelLaw& levels) {
  constexpr double kStep = 0.01;
  const double up = after(lever, 1.0 + kStep, health, levels);
  const double down = after(lever, 1.0 - kStep, health, levels);
  if (!(up > 0.0) || !(down > 0.0)) return std::nullopt;
  return std::log(up / down) / std::log((1.0 + kStep) / (1.0 - kStep));
}

std::vector<Measure> elasticities(const JobHealth& health, const AvailabilityAnswer& answer) {
  std::vector<Measure> list;
  // Of a whole group, from its first member with a share: elasticity over share.
  std::map<std::string, std::optional<double>> of_group;
  for (const Lever& lever : levers(health)) {
    const bool known = !lever.group.empty() && of_group.contains(lever.group);
    std::optional<double> one = known ? of_group[lever.group] : elasticity(lever, health, answer.levels);
    if (known && one) *one *= lever.share;
    if (!known && !lever.group.empty() && lever.share > 1e-3)
      of_group[lever.group] = one ? std::optional(*one / lever.share) : std::nullopt;
    list.push_back({lever.name, one});
  }
  return list;
}

std::vector<Measure> gains(const JobHealth& health, const AvailabilityAnswer& answer) {
  const double now = answer.job.work_ratio;
  std::vector<Measure> list;
  const auto try_out = [&](const std::string& name, bool moves_nodes, const std::function<void(JobHealth&)>& change) {
    JobHealth changed = health;
    change(changed);
    list.push_back({name, work_ratio(changed, moves_nodes ? nullptr : &answer.levels) - now});
  };
  try_out("failures_halved", true, [&](JobHealth& changed) {
    for (const FailureCause& cause : health.causes) scale_cause(cause, 0.5, changed);
  });
  try_out("repair_time_halved", true, [](JobHealth& changed) { scale_repair(0.5, changed); });
  try_out("recovery_halved", false, [](JobHealth& changed) {
    for (int stage = 0; stage < kRecoveryStages; ++stage) scale_stage(static_cast<RecoveryStage>(stage), 0.5, changed);
  });
  try_out("blocking_halved", false, [](JobHealth& changed) { changed.checkpoint.blocking_s *= 0.5; });
  try_out("interval_optimal", false, [](JobHealth& changed) { changed.optimal_interval = true; });
  try_out("one_more_spare", true, [](JobHealth& changed) {
    ++changed.nodes.spares;
    for (Count& most : changed.most_down) ++most;
  });
  if (health.nodes.repair_crews)
    try_out("one_more_crew", true, [](JobHealth& changed) { ++*changed.nodes.repair_crews; });
  return list;
}

/// Devices that one failure of each cause takes out of the job.
Breakdown blast_radius(const JobHealth& health) {
  Breakdown breakdown{.name = "blast_radius_nodes"};
  for (const FailureCause& cause : health.causes)
    breakdown.entries.push_back(
        {cause.name, cause.level == FailureLevel::kJob ? 0.0 : static_cast<double>(cause.nodes)});
  return breakdown;
}

/// That a group of nodes is complete at a time, each node being down on its own: a node, the scale-up domain where it
/// has more than one, the failure domains.
Breakdown whole_groups(const JobHealth& health) {
  const double load = health.nodes.failure_per_s * health.nodes.repair.mean_s;
  const double down_ratio = load / (1.0 + load);
  Breakdown breakdown{.name = "whole_probability", .entries = {{"node", 1.0 - down_ratio}}};
  if (health.scale_up_nodes > 1)
    breakdown.entries.push_back(
        {"scale-up domain", whole_probability(down_ratio, static_cast<double>(health.scale_up_nodes))});
  for (const DomainKind& kind : health.nodes.domains)
    breakdown.entries.push_back({kind.name, whole_probability(down_ratio, static_cast<double>(kind.nodes))});
  return breakdown;
}

/// The optimum and its textbook approximations, all failures counted as exponential.
Breakdown interval_breakdown(const JobHealth& health, const HealthQuestions& questions) {
  const double rate = health.stops.failure_per_s;
  const double blocking_s = health.checkpoint.blocking_s;
  return {.name = "checkpoint_interval_s",
          .entries = {{"optimal", questions.optimal_interval_s},
                      {"young", young_interval_s(rate, blocking_s)},
                      {"daly", daly_interval_s(rate, blocking_s)},
                      {"1_percent_low", questions.nearly_optimal.low_s},
                      {"1_percent_high", questions.nearly_optimal.high_s}}};
}

/// Quantities that are all called effective training time ratio; ettr_ratio is the first. The queue of the first-order
/// form is the wait for nodes: 1 + L q = 1 / (1 - share of time spent waiting).
Breakdown ettr_by_definition(const JobHealth& health, const AvailabilityAnswer& answer) {
  const JobChain& job = answer.job;
  const double t = answer.checkpoint.interval_s;
  const bool is_simple = t > 0.0 && std::isfinite(t) && !answer.checkpoint.memory;
  double recovery_s = 0.0;
  for (const RecoveryRoute& route : health.routes) recovery_s += route.share * route.mean_s();
  const double first_order =
      (1.0 - health.stops.failure_per_s * (recovery_s + 0.5 * t)) / (1.0 + answer.checkpoint.blocking_s / t);
  return {.name = "ettr_by_definition",
          .entries = {{"productive_over_wall", job.productive_ratio},
                      {"productive_over_time_with_nodes",
                       job.waiting_ratio < 1.0 ? job.productive_ratio / (1.0 - job.waiting_ratio) : 0.0},
                      {"first_order", is_simple ? std::optional(first_order) : std::nullopt},
                      {"first_order_with_queue",
                       is_simple ? std::optional(first_order * (1.0 - job.waiting_ratio)) : std::nullopt},
                      {"running_over_wall", job.productive_ratio + job.checkpoint_ratio + job.lost_ratio}}};
}

/// What the few nodes that fail most contribute, the fleet's mean rate being what was stated.
Breakdown bad_node_breakdown(const JobHealth& health) {
  const BadNodes& bad = *health.bad_nodes;
  const double mean_factor = 1.0 - bad.share + bad.share * bad.factor;
  const double by_nodes = job_failure_per_s(health.causes, FailureLevel::kNode);
  const double without = health.stops.failure_per_s - by_nodes * (1.0 - 1.0 / mean_factor);
  return {.name = "bad_nodes",
          .entries = {{"nodes", bad.share * static_cast<double>(health.nodes.nodes)},
                      {"share_of_node_failures_ratio", bad.share * bad.factor / mean_factor},
                      {"job_mttf_without_them_s", without > 0.0 ? 1.0 / without : kInfinity}}};
}

/// A side question: the rest of the answer stands without it.
void ask_when_spares_run_out(const JobHealth& health, HealthQuestions& questions) {
  try {
    questions.exhaustion_mean_s = mean_time_to_exhaustion_s(health.nodes);
  } catch (const NoAnswerError& error) {
    questions.missing = std::string("spares_exhaustion_mean_s is unknown: ") + error.what();
  }
}

/// Each search follows a dozen chains like that of the exhaustion.
void ask_about_missions(const JobHealth& health, const AvailabilityAnswer& answer, HealthQuestions& questions) {
  constexpr double kMostWork = 3e7;
  const SpareExhaustion& one = answer.exhaustion;
  if (static_cast<double>(one.iterations) * static_cast<double>(one.transitions + one.states) > kMostWork) return;
  questions.missions_known = true;
  const auto search = [&](double probability, std::optional<Count> fewer) {
    return smallest_mission_spares(health.nodes, health.horizon_s, probability, fewer ? *fewer - 1 : -1);
  };
  questions.mission_spares_99 = search(0.99, std::nullopt);
  questions.mission_spares_999 = search(0.999, questions.mission_spares_99);
  questions.mission_spares_9999 = search(0.9999, questions.mission_spares_999);
}

}  // namespace

HealthQuestions ask_about_health(const JobHealth& health, const AvailabilityAnswer& answer, Ask ask) {
  HealthQuestions questions;
  ask_when_spares_run_out(health, questions);
  questions.optimal_interval_s = optimal_interval_s(health.stops, health.checkpoint);
  questions.nearly_optimal =
      nearly_optimal_intervals(health.stops, health.checkpoint, questions.optimal_interval_s, 0.01);
  if (ask == Ask::kDirect) return questions;
  ask_about_missions(health, answer, questions);
  questions.elasticities = elasticities(health, answer);
  questions.gains = gains(health, answer);
  return questions;
}

std::vector<Measure> question_measures(const HealthQuestions& questions) {
  const auto mission = [&](const std::optional<Count>& spares) {
    return questions.missions_known ? std::optional(as_measure(spares)) : std::nullopt;
  };
  return {{"spares_for_mission_99_percent", mission(questions.mission_spares_99)},
          {"spares_for_mission_999_permille", mission(questions.mission_spares_999)},
          {"spares_for_mission_9999_permyriad", mission(questions.mission_spares_9999)},
          {"spares_exhaustion_mean_s", questions.exhaustion_mean_s},
          {"checkpoint_interval_optimal_s", questions.optimal_interval_s},
          {"checkpoint_interval_1_percent_low_s", questions.nearly_optimal.low_s},
          {"checkpoint_interval_1_percent_high_s", questions.nearly_optimal.high_s}};
}

std::vector<Breakdown> question_breakdowns(const JobHealth& health, const AvailabilityAnswer& answer,
                                           const HealthQuestions& questions) {
  std::vector<Breakdown> list = {{.name = "goodput_elasticity", .entries = questions.elasticities},
                                 {.name = "goodput_gain", .entries = questions.gains},
                                 ettr_by_definition(health, answer),
                                 interval_breakdown(health, questions),
                                 blast_radius(health),
                                 whole_groups(health)};
  if (health.bad_nodes) list.push_back(bad_node_breakdown(health));
  return list;
}

Breakdown drain_or_run_on(const JobHealth& health, const AvailabilityAnswer& answer,
                          const std::vector<double>& job_speed_ratios) {
  // What one more stop costs: recovery, and the work that a stop loses in the mean.
  const JobLevel& full = answer.job_problem.levels.front();
  double stop_s = full.failure_per_s > 0.0 ? full.up.lost_ratio / full.failure_per_s : 0.0;
  for (const RecoveryRoute& route : health.routes) stop_s += route.share * route.mean_s();
  Breakdown breakdown{.name = "fail_slow"};
  for (std::size_t k = 0; k < health.slow_states.size(); ++k) {
    const SlowState& slow = health.slow_states[k];
    const double run_on = slow.any_probability() * (1.0 - job_speed_ratios[k]);
    const double drain = slow.count * slow.onset_per_s * stop_s;
    breakdown.entries.push_back({slow.name + ".speed_ratio", job_speed_ratios[k]});
    breakdown.entries.push_back({slow.name + ".time_ratio", slow.any_probability()});
    breakdown.entries.push_back({slow.name + ".loss_when_run_on_ratio", run_on});
    breakdown.entries.push_back({slow.name + ".loss_when_drained_ratio", std::min(1.0, drain)});
    breakdown.entries.push_back({slow.name + ".drain_gain_ratio", run_on - std::min(1.0, drain)});
  }
  return breakdown;
}

}  // namespace windtunnel::modeling
