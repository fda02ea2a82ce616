// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/count_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/spec/spec_error.h"
#include "solvers/numerics/poisson_weights.h"
#include "solvers/phase_type/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

/// States solved in a few seconds on one core; measured with two domain kinds.
constexpr double kMostStates = 1e6;
/// Above this many states the repair loses its phases (with crews or in a transient) rather than the chain its answer.
constexpr double kMostPhasedStates = 1e4;
/// Above this many states nodes and domains are counted independently (independent_counts.h). A reduction of two kinds
/// of domains then takes about 10 ms.
constexpr double kMostExactStates = 3000;
constexpr double kMostFollowedStates = 8000;

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

/// Never more of them are down than if all of them were active and repaired as the others are.
Count most_bad_nodes(const NodeHealth& health, double tail) {
  if (bad_nodes(health) == 0 || !nodes_fail(health)) return 0;
  NodeHealth alone = health;
  alone.nodes = bad_nodes(health);
  alone.spares = 0;
  alone.failure_per_s = bad_failure_per_s(health);
  alone.bad = {};
  // Limited crews may be busy with the others for long.
  return health.repair_crews ? bad_nodes(health) : most_broken_nodes(alone, tail);
}

Count most_domains(const DomainKind& kind, double tail) {
  const double rate = kind.failure_per_s * static_cast<double>(kind.count);
  if (rate == 0.0) return 0;
  return std::min(kind.count, tail_count(rate, kind.repair_per_s, kind.count, kind.count, tail) + 1);
}

/// Count that a system with unlimited crews is below for less than `tail` of the time: that of Poisson failures at the
/// lowest rate of any state kept.
Count fewest_broken_nodes(const CountModel& model, double tail) {
  if (!nodes_fail(model.health) || model.health.repair_crews || bad_nodes(model.health) > 0) return 0;
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

solvers::PhaseType one_phase(const Duration& repair) {
  return repair.mean_s > 0.0 ? solvers::exponential(1.0 / repair.mean_s) : solvers::PhaseType();
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

/// Rates at which good and bad nodes fail, all together: every node up is active with the same probability.
std::pair<double, double> failure_rates(const CountModel& model, const Counts& counts) {
  const NodeHealth& health = model.health;
  const Count down = nodes_down(health, counts);
  const Count all = health.nodes + health.spares;
  if (bad_nodes(health) == 0 || down >= all) return {node_failure_per_s(health, down), 0.0};
  const auto whole = static_cast<double>(all - broken_nodes(counts));
  const auto bad = static_cast<double>(bad_nodes(health) - counts.bad);
  const double active = node_failure_per_s(health, down) / health.failure_per_s;
  return {good_failure_per_s(health) * active * (whole - bad) / whole,
          bad_failure_per_s(health) * active * bad / whole};
}

template <typename Emit>
void fail_one(const CountModel& model, Counts counts, double rate, const Emit& emit) {
  if (rate == 0.0) return;
  const Count busy = broken_nodes(counts) - counts.waiting;
  if (busy < model.health.repair_crews.value_or(busy + 1)) return begin_repair(model, counts, rate, emit);
  ++counts.waiting;
  emit(counts, rate);
}

template <typename Emit>
void fail_node(const CountModel& model, const Counts& counts, const Emit& emit) {
  if (!nodes_fail(model.health) || broken_nodes(counts) >= model.most_nodes_down) return;
  const auto [good, bad] = failure_rates(model, counts);
  fail_one(model, counts, good, emit);
  if (counts.bad >= model.most_bad_down) return;
  Counts next = counts;
  ++next.bad;
  fail_one(model, next, bad, emit);
}

/// A repair ends in `phase`: the crew turns to the next node that waits.
template <typename Emit>
void end_one(const CountModel& model, Counts counts, std::size_t phase, double rate, const Emit& emit) {
  if (rate == 0.0) return;
  --counts.repairing[phase];
  if (counts.waiting == 0) return emit(counts, rate);
  --counts.waiting;
  begin_repair(model, counts, rate, emit);
}

/// A bad node comes back in proportion to how many of those down are bad.
template <typename Emit>
void end_repair(const CountModel& model, const Counts& counts, std::size_t phase, double rate, const Emit& emit) {
  const Count broken = broken_nodes(counts);
  if (broken == model.fewest_nodes_down) return;
  const double bad = counts.bad == 0 ? 0.0 : static_cast<double>(counts.bad) / static_cast<double>(broken);
  end_one(model, counts, phase, rate * (1.0 - bad), emit);
  if (counts.bad == 0) return;
  Counts next = counts;
  --next.bad;
  end_one(model, next, phase, rate * bad, emit);
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

}  // namespace

solvers::PhaseType repair_phases(const Duration& repair) {
  if (repair.mean_s == 0.0) return {};
  return solvers::fit_phase_type(repair.mean_s, std::max(repair.scv, 1.0 / kMostRepairPhases),
                                 {.max_phases = kMostRepairPhases});
}

bool nodes_fail(const NodeHealth& health) {
  return health.failure_per_s > 0.0 && health.repair.mean_s > 0.0;
}

double node_failure_per_s(const NodeHealth& health, Count down) {
  const Count up = std::max<Count>(0, health.nodes + health.spares - down);
  const Count active = std::min(up, health.nodes);
  const auto idle = static_cast<double>(up - active);
  return health.failure_per_s * (static_cast<double>(active) + health.spare_failure_ratio * idle);
}

Count bad_nodes(const NodeHealth& health) {
  return static_cast<Count>(std::lround(health.bad.share * static_cast<double>(health.nodes + health.spares)));
}

double good_failure_per_s(const NodeHealth& health) {
  if (bad_nodes(health) == 0) return health.failure_per_s;
  const double share = static_cast<double>(bad_nodes(health)) / static_cast<double>(health.nodes + health.spares);
  return health.failure_per_s / (1.0 - share + share * health.bad.factor);
}

double bad_failure_per_s(const NodeHealth& health) {
  return health.bad.factor * good_failure_per_s(health);
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

/// Waiting nodes imply that every crew is busy, so their phases have one freedom less.
double states_upper_bound(const CountModel& model) {
  const int phases = std::max(1, model.repair.phases());
  const Count most = model.most_nodes_down - model.fewest_nodes_down;
  const Count crews = std::min(most, model.health.repair_crews.value_or(most));
  double states = spreads(crews, phases) + static_cast<double>(most - crews) * spreads(crews, phases - 1);
  for (Count domains : model.most_domains_down) states *= static_cast<double>(domains + 1);
  return states * static_cast<double>(model.most_bad_down + 1);
}

bool is_solved_at_once(const CountModel& model) {
  return states_upper_bound(model) <= kMostExactStates;
}

bool is_followed_in_time(const CountModel& model) {
  return model.health.domains.empty() || states_upper_bound(model) <= kMostFollowedStates;
}

bool holds_phases(const CountModel& model) {
  return states_upper_bound(model) <= kMostPhasedStates;
}

namespace {

/// Equal nodes with the mean field of bad and other ones: each kind is up 1 / (1 + l r) of the time.
NodeHealth with_mean_of_bad(NodeHealth health) {
  const double share = static_cast<double>(bad_nodes(health)) / static_cast<double>(health.nodes + health.spares);
  const double good = good_failure_per_s(health);
  const double bad = bad_failure_per_s(health);
  const double good_up = (1.0 - share) / (1.0 + good * health.repair.mean_s);
  const double bad_up = share / (1.0 + bad * health.repair.mean_s);
  health.failure_per_s = (good_up * good + bad_up * bad) / (good_up + bad_up);
  health.bad = {};
  return health;
}

CountModel sized_model(const NodeHealth& health, const CountLimits& limits) {
  CountModel model{.health = health,
                   .repair = limits.with_phases ? repair_phases(health.repair) : one_phase(health.repair),
                   .most_nodes_down = most_broken_nodes(health, limits.tail),
                   .absorbing_above = limits.absorbing_above};
  if (limits.absorbing_above < model.most_nodes_down) model.most_nodes_down = limits.absorbing_above + 1;
  for (const DomainKind& kind : health.domains) model.most_domains_down.push_back(most_domains(kind, limits.tail));
  model.most_bad_down = std::min(model.most_nodes_down, most_bad_nodes(health, limits.tail));
  if (!limits.from_all_up) model.fewest_nodes_down = fewest_broken_nodes(model, limits.tail);
  if (model.repair.phases() > 1 && !holds_phases(model)) {
    model.repair = one_phase(health.repair);
    model.exponential_repair = true;
  }
  return model;
}

}  // namespace

CountModel count_model(const NodeHealth& health, const CountLimits& limits) {
  CountModel model = sized_model(health, limits);
  if (bad_nodes(health) == 0 || states_upper_bound(model) <= kMostExactStates) return model;
  return sized_model(with_mean_of_bad(health), limits);
}

void require_solvable(const CountModel& model) {
  if (states_upper_bound(model) > kMostStates)
    throw NoAnswerError(
        fmt::format("the health chain would have {:.2g} states, at most {:.2g} are solved; fewer kinds "
                    "of domains or faster repairs make it smaller",
                    states_upper_bound(model), kMostStates));
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

double transient_tail(const NodeHealth& health, double horizon_s) {
  double rate = node_failure_per_s(health, 0) + 1.0 / horizon_s;
  for (const DomainKind& kind : health.domains) rate += kind.failure_per_s * static_cast<double>(kind.count);
  return std::max(1e-200, 1e-13 / (rate * horizon_s));
}

}  // namespace windtunnel::modeling
