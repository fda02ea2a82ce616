// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/health_chain.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "modeling/chains/health/independent_counts.h"
#include "modeling/spec/spec_error.h"
#include "solvers/chain/initial_distribution.h"
#include "solvers/linear/m_matrix.h"
#include "solvers/passage/absorption.h"
#include "solvers/passage/first_passage.h"
#include "solvers/transient/transient.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Vector;

/// Products times transitions of a uniformization that takes about half a second.
constexpr double kMostUniformizationWork = 2e8;
/// Of each of some thirty chains that a search for mission spares follows.
constexpr double kMostSearchWork = 5e6;
/// A mean time to exhaustion beyond 1e12 repair times is no number to plan with: the counts above are left out.
constexpr double kExhaustionTail = 1e-13;

DownCount down_count(const CountModel& model, const solvers::StateSpace<Counts>& space,
                     solvers::StationarySolution solution) {
  Count most = 0;
  for (const Counts& counts : space.states) most = std::max(most, nodes_down(model.health, counts));
  DownCount law{.probability = Vector::Zero(most + 1),
                .solution = std::move(solution),
                .states = space.generator.states(),
                .transitions = space.generator.transitions(),
                .exponential_repair = model.exponential_repair};
  const bool cut_above = nodes_fail(model.health) && model.most_nodes_down < model.health.nodes + model.health.spares;
  for (std::size_t k = 0; k < space.states.size(); ++k) {
    const double p = law.solution.probability(static_cast<Index>(k));
    law.probability(nodes_down(model.health, space.states[k])) += p;
    const Count broken = broken_nodes(space.states[k]);
    if (model.health.repair_crews && broken >= *model.health.repair_crews) law.crews_busy_ratio += p;
    if (cut_above && broken == model.most_nodes_down) law.lost_probability += p;
    if (model.fewest_nodes_down > 0 && broken == model.fewest_nodes_down) law.lost_probability += p;
  }
  return law;
}

double uniformization_work(const solvers::Generator& q, double horizon_s) {
  return q.max_exit_rate() * horizon_s * static_cast<double>(q.transitions() + q.states());
}

SpareExhaustion by_uniformization(const solvers::Generator& q, const std::vector<Index>& targets, double horizon_s) {
  solvers::FirstPassage passage(q, targets, solvers::point_mass(q.states(), 0));
  const solvers::PassageProbability within = passage.within(horizon_s);
  if (!within.usable()) throw NoAnswerError("first passage to exhausted spares: " + within.message);
  return {.probability = within.reached,
          .method = to_string(within.method_used),
          .iterations = within.iterations,
          .error_bound = within.error_bound};
}

/// The chain of the same counts in every part of the horizon, with the rates of that part; from all up.
template <typename Visit>
void walk_course(const CountModel& model, double horizon_s, const Visit& visit) {
  const std::vector<double>& course = model.health.rate_course;
  Vector p;
  for (const double factor : course) {
    CountModel part = model;
    part.health.failure_per_s *= factor;
    const solvers::StateSpace<Counts> space = explore_counts(part);
    if (p.size() == 0) p = solvers::point_mass(space.generator.states(), 0);
    const solvers::TransientSolution path = solvers::solve_transient(
        space.generator, p, {horizon_s / static_cast<double>(course.size())}, {.with_sojourn = true});
    if (!path.usable()) throw NoAnswerError("nodes down over the horizon: " + path.message);
    p = path.probability.front() / path.probability.front().sum();
    visit(space, path, p);
  }
}

SpareExhaustion by_course(const CountModel& model, const std::vector<Index>& targets, double horizon_s) {
  SpareExhaustion answer{.method = "uniformization, rates by part of the horizon", .error_bound = 0.0};
  walk_course(model, horizon_s, [&](const auto&, const solvers::TransientSolution& path, const Vector& p) {
    answer.probability = 0.0;
    for (Index target : targets) answer.probability += p(target);
    answer.iterations += path.iterations;
    *answer.error_bound += path.error_bound.value_or(0.0);
  });
  return answer;
}

/// Every part has the states of the whole: none of its rates is 0.
bool has_course(const NodeHealth& health) {
  return !health.rate_course.empty() && *std::min_element(health.rate_course.begin(), health.rate_course.end()) > 0.0;
}

/// Keeps the counts of the nodes at their fastest.
CountModel followed_model(const NodeHealth& health, const CountLimits& limits) {
  if (!has_course(health)) return count_model(health, limits);
  const double fastest = *std::max_element(health.rate_course.begin(), health.rate_course.end());
  NodeHealth at_fastest = health;
  at_fastest.failure_per_s *= fastest;
  CountModel model = count_model(at_fastest, limits);
  model.health.failure_per_s /= fastest;
  return model;
}

SpareExhaustion by_mean_time(const solvers::Generator& q, const std::vector<Index>& targets, double horizon_s) {
  const solvers::HittingTime hitting = solvers::hitting_time(q, targets);
  if (!hitting.usable()) throw NoAnswerError("mean time to exhausted spares: " + hitting.message);
  return {.probability = -std::expm1(-horizon_s / hitting.mean_s(0)),
          .method = "mean first passage, exponential law",
          .iterations = hitting.iterations};
}

CountModel long_run_model(const NodeHealth& health) {
  const bool phases_matter = health.repair_crews.has_value() && health.repair.scv != 1.0;
  return count_model(health, {.with_phases = phases_matter, .from_all_up = false});
}

/// The joint chain is small enough, or has nothing to take apart.
bool counts_jointly(const NodeHealth& health, const CountModel& model) {
  return health.domains.empty() || is_solved_at_once(model);
}

DownCount solve_joint_count(const CountModel& model) {
  require_solvable(model);
  const solvers::StateSpace<Counts> space = explore_counts(model);
  solvers::StationarySolution solution = solvers::solve_stationary(space.generator);
  if (!solution.usable()) throw NoAnswerError("long-run law of the nodes down: " + solution.message);
  return down_count(model, space, std::move(solution));
}

NodeHealth without_domains(NodeHealth health) {
  health.domains.clear();
  return health;
}

/// Flow between levels while counts pass from one value to the next: as much up as down in the long run, whatever the
/// law of the stays.
class LevelFlows {
 public:
  LevelFlows(const LevelOfCount& level_of, std::size_t levels)
      : level_of_(level_of), flow_(solvers::Matrix::Zero(static_cast<Index>(levels), static_cast<Index>(levels))) {}

  /// `step` more nodes go down at this rate from `down` nodes, and come back as often.
  void add(Count down, Count step, double rate) {
    const auto low = static_cast<Index>(level_of_(down));
    const auto high = static_cast<Index>(level_of_(down + step));
    flow_(low, high) += rate;
    flow_(high, low) += rate;
  }
  const solvers::Matrix& flow() const { return flow_; }

 private:
  const LevelOfCount& level_of_;
  solvers::Matrix flow_;
};

std::vector<LevelMove> moves_of(const solvers::Matrix& flow, const Vector& probability) {
  std::vector<LevelMove> moves;
  for (Index from = 0; from < flow.rows(); ++from) {
    for (Index to = 0; to < flow.cols(); ++to) {
      if (from != to && flow(from, to) > 0.0 && probability(from) > 0.0)
        moves.push_back(
            {static_cast<std::size_t>(from), static_cast<std::size_t>(to), flow(from, to) / probability(from)});
    }
  }
  return moves;
}

DownCount solve_independent_count(const NodeHealth& health) {
  DownCount law = solve_joint_count(long_run_model(without_domains(health)));
  const IndependentCounts counts = independent_counts(health, law.probability);
  law.probability = sum_law(counts.broken, nodes_in_domains(health, counts));
  law.counts_are_independent = true;
  law.independence_bound = counts.bound;
  for (const Vector& domains : counts.domains) {
    law.states += domains.size();
    law.transitions += 2 * (domains.size() - 1);
  }
  return law;
}

LevelLaw independent_levels(const NodeHealth& health, const LevelOfCount& level_of, std::size_t levels) {
  const CountModel nodes_alone = long_run_model(without_domains(health));
  const IndependentCounts counts = independent_counts(health, solve_joint_count(nodes_alone).probability);
  const Vector in_domains = nodes_in_domains(health, counts);
  const Vector down = sum_law(counts.broken, in_domains);
  LevelLaw law{.probability = Vector::Zero(static_cast<Index>(levels))};
  for (Index n = 0; n < down.size(); ++n) law.probability(static_cast<Index>(level_of(n))) += down(n);
  LevelFlows flows(level_of, levels);
  for (Index i = 0; i + 1 < counts.broken.size(); ++i) {
    const double rate = counts.broken(i) * node_failure_per_s(nodes_alone.health, i);
    for (Index d = 0; d < in_domains.size(); ++d)
      if (in_domains(d) > 0.0) flows.add(i + d, 1, rate * in_domains(d));
  }
  for (std::size_t k = 0; k < health.domains.size(); ++k) {
    const DomainKind& kind = health.domains[k];
    const Vector others = sum_law(counts.broken, nodes_in_domains(health, counts, k));
    for (Index d = 0; d + 1 < counts.domains[k].size(); ++d) {
      const double rate = counts.domains[k](d) * static_cast<double>(kind.count - d) * kind.failure_per_s;
      for (Index o = 0; o < others.size(); ++o) flows.add(o + d * kind.nodes, kind.nodes, rate * others(o));
    }
  }
  law.moves = moves_of(flows.flow(), law.probability);
  return law;
}

/// First passages by how often the independent counts pass from `spares` to more: an estimate from above, for a
/// shortage that ends and comes back at once counts twice.
double shortages_per_s(const NodeHealth& health) {
  const auto is_short = [&](Count down) -> std::size_t { return down > health.spares; };
  const LevelLaw law = independent_levels(health, is_short, 2);
  for (const LevelMove& move : law.moves)
    if (move.from == 0) return move.rate_per_s * law.probability(0);
  return 0.0;
}

std::vector<Index> exhausted_states(const NodeHealth& health, const solvers::StateSpace<Counts>& space) {
  std::vector<Index> targets;
  for (std::size_t k = 0; k < space.states.size(); ++k) {
    if (nodes_down(health, space.states[k]) > health.spares) targets.push_back(static_cast<Index>(k));
  }
  return targets;
}

/// Beyond `most_work` products of a uniformization by the mean time.
SpareExhaustion exhaustion_within(const NodeHealth& health, double horizon_s, double most_work) {
  const double tail = transient_tail(health, horizon_s);
  const CountModel model =
      followed_model(health, {.with_phases = health.repair.scv != 1.0, .tail = tail, .absorbing_above = health.spares});
  if (!is_followed_in_time(model))
    return {.probability = -std::expm1(-shortages_per_s(health) * horizon_s),
            .method = "shortages of independent counts, from above"};
  require_solvable(model);
  const solvers::StateSpace<Counts> space = explore_counts(model);
  const std::vector<Index> targets = exhausted_states(health, space);
  const solvers::Generator& q = space.generator;
  SpareExhaustion answer;
  if (targets.empty()) {
    answer = {.method = "bound: never within the counts kept", .error_bound = 1e-13};
  } else {
    if (uniformization_work(q, horizon_s) > most_work)
      answer = by_mean_time(q, targets, horizon_s);
    else
      answer = has_course(health) ? by_course(model, targets, horizon_s) : by_uniformization(q, targets, horizon_s);
  }
  answer.states = q.states();
  answer.transitions = q.transitions();
  answer.exponential_repair = model.exponential_repair;
  answer.lost_probability = model.most_nodes_down <= health.spares ? 1e-13 : 0.0;
  return answer;
}

}  // namespace

double DownCount::at_most(Count spares) const {
  if (spares + 1 >= probability.size()) return 1.0;
  // The smaller side summed directly: what is missing to 0 or to 1 keeps its digits.
  const double below = probability.head(spares + 1).sum();
  return below < 0.5 ? std::max(0.0, below) : 1.0 - probability.tail(probability.size() - spares - 1).reverse().sum();
}

double DownCount::mean() const {
  return probability.dot(Vector::LinSpaced(probability.size(), 0.0, static_cast<double>(probability.size() - 1)));
}

DownCount solve_down_count(const NodeHealth& health) {
  const CountModel model = long_run_model(health);
  return counts_jointly(health, model) ? solve_joint_count(model) : solve_independent_count(health);
}

LevelLaw solve_levels_of_job(const NodeHealth& health, const LevelOfCount& level_of, std::size_t levels) {
  const CountModel model = long_run_model(health);
  if (!counts_jointly(health, model)) return independent_levels(health, level_of, levels);
  require_solvable(model);
  const solvers::StateSpace<Counts> space = explore_counts(model);
  const solvers::StationarySolution solution = solvers::solve_stationary(space.generator);
  if (!solution.usable()) throw NoAnswerError("long-run law of the nodes down: " + solution.message);
  LevelLaw law{.probability = Vector::Zero(static_cast<Index>(levels))};
  solvers::Matrix flow = solvers::Matrix::Zero(static_cast<Index>(levels), static_cast<Index>(levels));
  const auto level = [&](Index state) {
    return static_cast<Index>(level_of(nodes_down(health, space.states[static_cast<std::size_t>(state)])));
  };
  for (Index k = 0; k < space.generator.states(); ++k) {
    law.probability(level(k)) += solution.probability(k);
    for (const auto [to, rate] : space.generator.outgoing().row(k))
      flow(level(k), level(to)) += solution.probability(k) * rate;
  }
  law.moves = moves_of(flow, law.probability);
  return law;
}

std::optional<Vector> level_times_s(const NodeHealth& health, const LevelOfCount& level_of, std::size_t levels,
                                    double horizon_s) {
  const CountModel model =
      followed_model(health, {.with_phases = health.repair.scv != 1.0, .tail = transient_tail(health, horizon_s)});
  if (!holds_phases(model) || !is_followed_in_time(model)) return std::nullopt;
  const solvers::StateSpace<Counts> space = explore_counts(model);
  const solvers::Generator& q = space.generator;
  if (uniformization_work(q, horizon_s) > kMostUniformizationWork) return std::nullopt;
  Vector time_s = Vector::Zero(static_cast<Index>(levels));
  const auto add = [&](const solvers::StateSpace<Counts>& counts, const solvers::TransientSolution& path) {
    for (std::size_t k = 0; k < counts.states.size(); ++k)
      time_s(static_cast<Index>(level_of(nodes_down(health, counts.states[k])))) +=
          path.sojourn_s.front()(static_cast<Index>(k));
  };
  if (has_course(health)) {
    walk_course(model, horizon_s, [&](const auto& counts, const auto& path, const Vector&) { add(counts, path); });
    return time_s;
  }
  const solvers::TransientSolution solution =
      solvers::solve_transient(q, solvers::point_mass(q.states(), 0), {horizon_s}, {.with_sojourn = true});
  if (!solution.usable()) return std::nullopt;
  add(space, solution);
  return time_s;
}

std::optional<double> full_size_time_s(const NodeHealth& health, double horizon_s) {
  const auto times_s = level_times_s(
      health, [&](Count down) -> std::size_t { return down > health.spares; }, 2, horizon_s);
  return times_s ? std::optional((*times_s)(0)) : std::nullopt;
}

std::optional<Count> smallest_mission_spares(const NodeHealth& health, double horizon_s, double probability,
                                             Count fewer) {
  // The mean time replaces uniformization only where many repairs fit the horizon: there its error is small.
  const double most_work = health.repair.mean_s < 0.1 * horizon_s ? kMostSearchWork : kMostUniformizationWork;
  const auto enough = [&](Count spares) {
    NodeHealth with = health;
    with.spares = spares;
    return exhaustion_within(with, horizon_s, most_work).probability <= 1.0 - probability;
  };
  // Guess from above: the mean down and a dozen of its standard deviations, or a little more than `fewer`.
  const double rate =
      health.failure_per_s * static_cast<double>(health.nodes) * std::min(health.repair.mean_s, horizon_s);
  Count low = fewer;
  Count high = fewer >= 0 ? fewer + 4 : static_cast<Count>(std::ceil(rate + 4.0 * std::sqrt(rate))) + 1;
  for (Count step = high - low; !enough(high); step *= 2) {
    low = high;
    high += step;
    if (high > 16 * health.nodes + 1000) return std::nullopt;
  }
  while (high - low > 1) {
    const Count middle = low + (high - low) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

double mean_time_to_exhaustion_s(const NodeHealth& health) {
  const CountModel model = count_model(
      health, {.with_phases = health.repair.scv != 1.0, .tail = kExhaustionTail, .absorbing_above = health.spares});
  if (!is_followed_in_time(model)) return 1.0 / shortages_per_s(health);
  require_solvable(model);
  const solvers::StateSpace<Counts> space = explore_counts(model);
  const std::vector<Index> targets = exhausted_states(health, space);
  if (targets.empty()) return std::numeric_limits<double>::infinity();
  const solvers::HittingTime hitting = solvers::hitting_time(space.generator, targets);
  if (!hitting.usable()) throw NoAnswerError("mean time to exhausted spares: " + hitting.message);
  return hitting.mean_s(0);
}

double whole_probability(double down_ratio, double members) {
  return std::exp(members * std::log1p(-down_ratio));
}

SpareExhaustion solve_exhaustion(const NodeHealth& health, double horizon_s) {
  SpareExhaustion exhaustion = exhaustion_within(health, horizon_s, kMostUniformizationWork);
  exhaustion.probability = std::clamp(exhaustion.probability, 0.0, 1.0);  // a sum of states may round beyond 1
  return exhaustion;
}

}  // namespace windtunnel::modeling
