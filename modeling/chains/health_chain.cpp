// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "modeling/spec/spec_error.h"
#include "solvers/absorption.h"
#include "solvers/explore.h"
#include "solvers/first_passage.h"
#include "solvers/initial_distribution.h"
#include "solvers/phase_type_fit.h"
#include "solvers/poisson_weights.h"
#include "solvers/transient.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Vector;

constexpr int kMostPhases = 3;
/// States solved in a few seconds on one core; measured with two domain kinds.
constexpr double kMostStates = 1e6;
/// Above this many states the repair loses its phases (with crews or in a transient) rather than the chain its answer.
constexpr double kMostPhasedStates = 5e4;
/// Products times transitions of a uniformization that takes about a second.
constexpr double kMostUniformizationWork = 5e8;
/// Left out of the long-run law on purpose; what double precision cannot tell from 1.
constexpr double kTail = 1e-15;
constexpr Count kNeverAbsorbed = std::numeric_limits<Count>::max();

/// The counts that make a state. Unused entries stay 0.
struct Counts {
  /// Nodes down that wait for a crew.
  std::int32_t waiting = 0;
  std::array<std::int32_t, kMostPhases> repairing{};
  std::array<std::int32_t, kMostDomainKinds> domains_down{};
  bool operator==(const Counts&) const = default;
};

struct CountsHash {
  std::size_t operator()(const Counts& counts) const {
    std::size_t hash = static_cast<std::size_t>(counts.waiting);
    // FNV-1a's multiplier; the table spreads the result further.
    for (std::int32_t count : counts.repairing) hash = hash * 1099511628211u + static_cast<std::size_t>(count);
    for (std::int32_t count : counts.domains_down) hash = hash * 1099511628211u + static_cast<std::size_t>(count);
    return hash;
  }
};

/// NodeHealth made ready for exploring: repair by phases and the largest counts kept.
struct CountModel {
  NodeHealth health;
  solvers::PhaseType repair;
  Count most_nodes_down = 0;
  /// Above 0 only for the long run, where fewer are down as good as never.
  Count fewest_nodes_down = 0;
  std::vector<Count> most_domains_down;
  /// Counts above this are not left again: the target of a first passage; none for the long run.
  Count absorbing_above = kNeverAbsorbed;
  bool exponential_repair = false;
};

bool nodes_fail(const NodeHealth& health) {
  return health.failure_per_s > 0.0 && health.repair.mean_s > 0.0;
}

Count broken_nodes(const Counts& counts) {
  Count sum = counts.waiting;
  for (std::int32_t count : counts.repairing) sum += count;
  return sum;
}

Count nodes_down(const NodeHealth& health, const Counts& counts) {
  Count sum = broken_nodes(counts);
  for (std::size_t kind = 0; kind < health.domains.size(); ++kind)
    sum += counts.domains_down[kind] * health.domains[kind].nodes;
  return sum;
}

/// Rate at which the nodes still up fail, all together.
double node_failure_per_s(const NodeHealth& health, Count down) {
  const Count up = std::max<Count>(0, health.nodes + health.spares - down);
  const Count active = std::min(up, health.nodes);
  const auto idle = static_cast<double>(up - active);
  return health.failure_per_s * (static_cast<double>(active) + health.spare_failure_ratio * idle);
}

/// Count above which an M/M/c count with these rates spends less than `tail` of its time; at most `limit`. From the
/// ratios p(j+1) / p(j); once they are below 1 they fall on, so the rest is below a geometric series.
Count tail_count(double failure_per_s, double repair_per_s, Count servers, Count limit, double tail) {
  double weight = 1.0;
  double sum = 1.0;
  for (Count j = 0; j < limit; ++j) {
    const double ratio = failure_per_s / (repair_per_s * static_cast<double>(std::min(j + 1, servers)));
    if (ratio < 1.0 && weight * ratio / (1.0 - ratio) < tail * sum) return j;
    weight *= ratio;
    sum += weight;
    if (sum > 1e200) {  // far from overflow, and only ratios matter
      weight *= 1e-200;
      sum *= 1e-200;
    }
  }
  return limit;
}

/// Count of nodes that a system failing at the full rate for ever is above for less than `tail` of the time; started
/// with all up it is above even less often (stochastic monotonicity). `margin` for repairs that vary more than
/// exponential ones and wait for crews.
Count most_broken_nodes(const NodeHealth& health, double tail) {
  if (!nodes_fail(health)) return 0;
  const Count all = health.nodes + health.spares;
  const double rate = node_failure_per_s(health, 0);
  const Count crews = health.repair_crews.value_or(all);
  const double margin = health.repair_crews ? std::ceil(std::max(1.0, health.repair.scv)) : 1.0;
  const Count kept = tail_count(rate, 1.0 / health.repair.mean_s, crews, all, tail);
  return std::min(all, static_cast<Count>(margin * static_cast<double>(kept)) + 1);
}

Count most_domains(const DomainKind& kind, double tail) {
  const double rate = kind.failure_per_s * static_cast<double>(kind.count);
  if (rate == 0.0) return 0;
  return std::min(kind.count, tail_count(rate, kind.repair_per_s, kind.count, kind.count, tail) + 1);
}

/// Count that a system with unlimited crews is below for less than `tail` of the time: that of Poisson failures at the
/// lowest rate of any state kept.
Count fewest_broken_nodes(const CountModel& model, double tail) {
  if (!nodes_fail(model.health) || model.health.repair_crews) return 0;
  Count down = model.most_nodes_down;
  for (std::size_t kind = 0; kind < model.health.domains.size(); ++kind)
    down += model.most_domains_down[kind] * model.health.domains[kind].nodes;
  return solvers::poisson_weights(node_failure_per_s(model.health, down) * model.health.repair.mean_s, tail).left;
}

/// Ways to spread up to `count` repairs over `phases` phases.
double spreads(Count count, int phases) {
  double ways = 1.0;
  for (int phase = 1; phase <= phases; ++phase) ways *= static_cast<double>(count + phase) / static_cast<double>(phase);
  return ways;
}

/// Waiting nodes imply that every crew is busy, so their phases have one freedom less.
double states_upper_bound(const CountModel& model) {
  const int phases = std::max(1, model.repair.phases());
  const Count most = model.most_nodes_down - model.fewest_nodes_down;
  const Count crews = std::min(most, model.health.repair_crews.value_or(most));
  double states = spreads(crews, phases) + static_cast<double>(most - crews) * spreads(crews, phases - 1);
  for (Count domains : model.most_domains_down) states *= static_cast<double>(domains + 1);
  return states;
}

solvers::PhaseType one_phase(const Duration& repair) {
  return repair.mean_s > 0.0 ? solvers::exponential(1.0 / repair.mean_s) : solvers::PhaseType();
}

/// What a chain of counts is made for.
struct CountLimits {
  /// The shape of the repair matters.
  bool with_phases = false;
  /// Share of time that counts beyond the largest may have.
  double tail = kTail;
  Count absorbing_above = kNeverAbsorbed;
  /// Starts with all up, so small counts cannot be left out.
  bool from_all_up = true;
};

CountModel count_model(const NodeHealth& health, const CountLimits& limits) {
  CountModel model{.health = health,
                   .repair = limits.with_phases ? repair_phases(health.repair) : one_phase(health.repair),
                   .most_nodes_down = most_broken_nodes(health, limits.tail),
                   .absorbing_above = limits.absorbing_above};
  if (limits.absorbing_above < model.most_nodes_down) model.most_nodes_down = limits.absorbing_above + 1;
  for (const DomainKind& kind : health.domains) model.most_domains_down.push_back(most_domains(kind, limits.tail));
  if (!limits.from_all_up) model.fewest_nodes_down = fewest_broken_nodes(model, limits.tail);
  if (model.repair.phases() > 1 && states_upper_bound(model) > kMostPhasedStates) {
    model.repair = one_phase(health.repair);
    model.exponential_repair = true;
  }
  return model;
}

void require_solvable(const CountModel& model) {
  if (states_upper_bound(model) > kMostStates)
    throw NoAnswerError(
        fmt::format("the health chain would have {:.2g} states, at most {:.2g} are solved; fewer kinds "
                    "of domains or faster repairs make it smaller",
                    states_upper_bound(model), kMostStates));
}

/// Calls emit(next, rate) for every way in which one more repair begins, at `rate` in all.
template <typename Emit>
void begin_repair(const CountModel& model, const Counts& counts, double rate, const Emit& emit) {
  for (int phase = 0; phase < model.repair.phases(); ++phase) {
    Counts next = counts;
    ++next.repairing[static_cast<std::size_t>(phase)];
    if (model.repair.initial()(phase) > 0.0) emit(next, rate * model.repair.initial()(phase));
  }
}

template <typename Emit>
void fail_node(const CountModel& model, const Counts& counts, const Emit& emit) {
  const double rate = node_failure_per_s(model.health, nodes_down(model.health, counts));
  const Count broken = broken_nodes(counts);
  if (!nodes_fail(model.health) || rate == 0.0 || broken >= model.most_nodes_down) return;
  const Count busy = broken - counts.waiting;
  if (busy < model.health.repair_crews.value_or(busy + 1)) return begin_repair(model, counts, rate, emit);
  Counts next = counts;
  ++next.waiting;
  emit(next, rate);
}

/// A repair ends in `phase`: the crew turns to the next node that waits.
template <typename Emit>
void end_repair(const CountModel& model, Counts counts, std::size_t phase, double rate, const Emit& emit) {
  if (broken_nodes(counts) == model.fewest_nodes_down) return;
  --counts.repairing[phase];
  if (counts.waiting == 0) return emit(counts, rate);
  --counts.waiting;
  begin_repair(model, counts, rate, emit);
}

template <typename Emit>
void advance_repairs(const CountModel& model, const Counts& counts, const Emit& emit) {
  for (int phase = 0; phase < model.repair.phases(); ++phase) {
    const auto from = static_cast<std::size_t>(phase);
    const double busy = counts.repairing[from];
    if (busy == 0.0) continue;
    for (solvers::PhaseType::Rates::InnerIterator rate(model.repair.rate_per_s(), phase); rate; ++rate) {
      Counts next = counts;
      --next.repairing[from];
      ++next.repairing[static_cast<std::size_t>(rate.col())];
      emit(next, busy * rate.value());
    }
    const double exit = model.repair.exit_per_s()(phase);
    if (exit > 0.0) end_repair(model, counts, from, busy * exit, emit);
  }
}

template <typename Emit>
void change_domains(const CountModel& model, const Counts& counts, const Emit& emit) {
  for (std::size_t kind = 0; kind < model.health.domains.size(); ++kind) {
    const DomainKind& domain = model.health.domains[kind];
    Counts next = counts;
    const Count down = next.domains_down[kind];
    if (down < model.most_domains_down[kind]) {
      ++next.domains_down[kind];
      emit(next, domain.failure_per_s * static_cast<double>(domain.count - down));
      --next.domains_down[kind];
    }
    if (down > 0) {
      --next.domains_down[kind];
      emit(next, domain.repair_per_s * static_cast<double>(down));
    }
  }
}

/// A crew that turns from one node to the next of the same phase leaves the state as it was: no transition.
solvers::StateSpace<Counts> explore_counts(const CountModel& model) {
  Counts first;
  first.repairing[0] = static_cast<std::int32_t>(model.fewest_nodes_down);
  return solvers::explore<Counts, CountsHash>(first, [&](const Counts& counts, const auto& emit) {
    if (nodes_down(model.health, counts) > model.absorbing_above) return;
    const auto move = [&](const Counts& next, double rate) {
      if (!(next == counts)) emit(next, rate);
    };
    fail_node(model, counts, move);
    advance_repairs(model, counts, move);
    change_domains(model, counts, move);
  });
}

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
    if (cut_above && broken == model.most_nodes_down) law.lost_probability += p;
    if (model.fewest_nodes_down > 0 && broken == model.fewest_nodes_down) law.lost_probability += p;
  }
  return law;
}

/// Availability never exceeds this: repairs that all crews together can end, over the failures of a full job.
double most_availability(const NodeHealth& health) {
  if (!health.repair_crews || !nodes_fail(health)) return 1.0;
  const double failures = health.failure_per_s * static_cast<double>(health.nodes);
  return static_cast<double>(*health.repair_crews) / (failures * health.repair.mean_s);
}

Count quantile(const DownCount& law, double ratio) {
  double sum = 0.0;
  for (Index n = 0; n < law.probability.size(); ++n) {
    sum += law.probability(n);
    if (sum >= ratio) return n;
  }
  return law.probability.size();
}

/// What is above the cut is entered at most horizon x rate x tail times in the mean: 1e-13.
double transient_tail(const NodeHealth& health, double horizon_s) {
  double rate = node_failure_per_s(health, 0) + 1.0 / horizon_s;
  for (const DomainKind& kind : health.domains) rate += kind.failure_per_s * static_cast<double>(kind.count);
  return std::max(1e-200, 1e-13 / (rate * horizon_s));
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

SpareExhaustion by_mean_time(const solvers::Generator& q, const std::vector<Index>& targets, double horizon_s) {
  const solvers::HittingTime hitting = solvers::hitting_time(q, targets);
  if (!hitting.usable()) throw NoAnswerError("mean time to exhausted spares: " + hitting.message);
  return {.probability = -std::expm1(-horizon_s / hitting.mean_s(0)),
          .method = "mean first passage, exponential law",
          .iterations = hitting.iterations};
}

}  // namespace

solvers::PhaseType repair_phases(const Duration& repair) {
  if (repair.mean_s == 0.0) return {};
  return solvers::fit_phase_type(repair.mean_s, std::max(repair.scv, 1.0 / kMostPhases), {.max_phases = kMostPhases});
}

double DownCount::at_most(Count spares) const {
  if (spares + 1 >= probability.size()) return 1.0;
  // The smaller side summed directly: what is missing to 0 or to 1 keeps its digits.
  const double below = probability.head(spares + 1).sum();
  return below < 0.5 ? below : 1.0 - probability.tail(probability.size() - spares - 1).reverse().sum();
}

double DownCount::mean() const {
  return probability.dot(Vector::LinSpaced(probability.size(), 0.0, static_cast<double>(probability.size() - 1)));
}

DownCount solve_down_count(const NodeHealth& health) {
  const bool phases_matter = health.repair_crews.has_value() && health.repair.scv != 1.0;
  const CountModel model = count_model(health, {.with_phases = phases_matter, .from_all_up = false});
  require_solvable(model);
  const solvers::StateSpace<Counts> space = explore_counts(model);
  solvers::StationarySolution solution = solvers::solve_stationary(space.generator);
  if (!solution.usable()) throw NoAnswerError("long-run law of the nodes down: " + solution.message);
  return down_count(model, space, std::move(solution));
}

std::optional<Count> smallest_spares(const NodeHealth& health, double ratio, const DownCount& known) {
  if (ratio > most_availability(health)) return std::nullopt;
  const auto enough = [&](Count spares) {
    NodeHealth with = health;
    with.spares = spares;
    return solve_down_count(with).at_most(spares) >= ratio;
  };
  // More spares than this mean that crews are at their limit and the answer is of no use.
  const Count limit = 16 * health.nodes + 1000;
  Count high = std::min(limit, quantile(known, ratio));
  Count low = high;  // in the end: not enough, or -1
  for (Count step = 1; low >= 0 && enough(low); step *= 2) {
    high = low;
    low = std::max<Count>(-1, low - step);
  }
  for (Count step = 1; high == low; step *= 2) {
    if (high >= limit) return std::nullopt;
    const Count next = std::min(limit, low + step);
    if (enough(next)) {
      high = next;
    } else {
      high = low = next;
    }
  }
  while (high - low > 1) {
    const Count middle = (low + high) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

std::optional<double> full_size_time_s(const NodeHealth& health, double horizon_s) {
  const CountModel model =
      count_model(health, {.with_phases = health.repair.scv != 1.0, .tail = transient_tail(health, horizon_s)});
  if (states_upper_bound(model) > kMostPhasedStates) return std::nullopt;
  const solvers::StateSpace<Counts> space = explore_counts(model);
  const solvers::Generator& q = space.generator;
  if (uniformization_work(q, horizon_s) > kMostUniformizationWork) return std::nullopt;
  const solvers::TransientSolution solution =
      solvers::solve_transient(q, solvers::point_mass(q.states(), 0), {horizon_s}, {.with_sojourn = true});
  if (!solution.usable()) return std::nullopt;
  double time_s = 0.0;
  for (std::size_t k = 0; k < space.states.size(); ++k) {
    if (nodes_down(health, space.states[k]) <= health.spares)
      time_s += solution.sojourn_s.front()(static_cast<Index>(k));
  }
  return time_s;
}

SpareExhaustion solve_exhaustion(const NodeHealth& health, double horizon_s) {
  const double tail = transient_tail(health, horizon_s);
  const CountModel model =
      count_model(health, {.with_phases = health.repair.scv != 1.0, .tail = tail, .absorbing_above = health.spares});
  require_solvable(model);
  const solvers::StateSpace<Counts> space = explore_counts(model);
  std::vector<Index> targets;
  for (std::size_t k = 0; k < space.states.size(); ++k) {
    if (nodes_down(health, space.states[k]) > health.spares) targets.push_back(static_cast<Index>(k));
  }
  const solvers::Generator& q = space.generator;
  SpareExhaustion answer;
  if (targets.empty()) {
    answer = {.method = "bound: never within the counts kept", .error_bound = 1e-13};
  } else {
    answer = uniformization_work(q, horizon_s) > kMostUniformizationWork ? by_mean_time(q, targets, horizon_s)
                                                                         : by_uniformization(q, targets, horizon_s);
  }
  answer.states = q.states();
  answer.transitions = q.transitions();
  answer.exponential_repair = model.exponential_repair;
  answer.lost_probability = model.most_nodes_down <= health.spares ? 1e-13 : 0.0;
  return answer;
}

}  // namespace windtunnel::modeling
