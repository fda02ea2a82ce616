// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/bursty_slots.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "modeling/chains/serving/replica/departure_wait.h"
#include "modeling/spec/spec_error.h"
#include "solvers/queues/qbd.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Matrix;
using solvers::Vector;

/// Prompts never take more than this share of the time: sequences in slots go on decoding.
constexpr double kMostShare = 0.95;
/// Standard deviations above the busy phase's own equilibrium at which the levels are cut.
constexpr double kDeviations = 10.0;
constexpr double kNegligibleSlots = 1e-13;
constexpr Index kMostWaiting = 100'000;

/// Variance that a rate which forgets at x per mean life adds to the number of lives under way, over that of a constant
/// one: the double integral of G(u) G(v) exp(-x |u - v|), G the survival function in mean lives.
double remembered_share(const DecodeSurvival& survival, double x) {
  double mean = 0.0;
  for (const double one : survival.at) mean += one * survival.step_iterations;
  if (mean <= 0.0) return 1.0;
  const double step = survival.step_iterations / mean;
  const double keep = std::exp(-x * step), half = std::exp(-0.5 * x * step);
  // What is remembered of a constant rate over half a step and over a whole one.
  const double half_fed = x * step > 1e-9 ? (1.0 - half) / x : 0.5 * step;
  const double fed = x * step > 1e-9 ? (1.0 - keep) / x : step;
  double remembered = 0.0, sum = 0.0;
  for (const double one : survival.at) {
    sum += 2.0 * step * one * (remembered * half + one * half_fed);
    remembered = remembered * keep + one * fed;
  }
  return std::min(1.0, sum);
}

/// How fast the phases end for a chain of exponential lives to vary as much as the actual ones do: that chain remembers
/// 1 / (1 + x).
double pace_for_exponential_lives(const DecodeSurvival& survival, double forget_per_life) {
  const double share = remembered_share(survival, forget_per_life);
  return std::max(0.0, 1.0 / share - 1.0) / forget_per_life;
}

/// Deaths per second by level: what decodes at full speed, times the share of the time prompts leave.
std::vector<double> deaths(const SlotRates& rates, double prompt_s, double prefill_share) {
  std::vector<double> death;
  for (const double completed : rates.completion_per_s) {
    const double alone = completed / (1.0 - std::min(kMostShare, completed * prompt_s));
    death.push_back(alone * (1.0 - prefill_share));
  }
  // With every slot held, prompts enter as sequences leave.
  death.back() = rates.completion_per_s.back();
  return death;
}

/// Share of the time that prompts take in a phase with this rate. An iteration computes what came during the one before
/// it, T = t + s T', s by the arrivals of that time; T' is T again while the phase lasts, and otherwise the mean one.
double prefill_share(const BurstyLoad& load, double phase_per_s) {
  const double mean = load.arrivals.rate_per_s(), past = load.arrivals.forget_per_s() * load.iteration_s;
  const double lately = mean + (phase_per_s - mean) * (past > 1e-9 ? -std::expm1(-past) / past : 1.0);
  const double share = lately * load.prompt_s, even = std::min(kMostShare, mean * load.prompt_s);
  const double lasts = std::exp(-past), lasting = std::min(kMostShare, share * lasts);
  return 1.0 - (1.0 - lasting) / (1.0 + share * (1.0 - lasts) / (1.0 - even));
}

/// By phase, moved together so that prompts take what they take in the mean: every prompt adds its time.
std::array<double, 2> prefill_shares(const BurstyLoad& load) {
  std::array<double, 2> shares = {prefill_share(load, load.arrivals.calm_per_s),
                                  prefill_share(load, load.arrivals.busy_per_s)};
  const double busy = load.arrivals.busy_ratio(), mean = (1.0 - busy) * shares[0] + busy * shares[1];
  for (double& one : shares) one = std::clamp(one + load.arrivals.rate_per_s() * load.prompt_s - mean, 0.0, kMostShare);
  return shares;
}

struct Chain {
  solvers::SwitchedPoisson arrivals;
  /// Deaths by level, calm and busy.
  std::vector<double> death_per_s[2];
  double bunch = 1.0;

  /// Calm, busy; with bunches also "more of the bunch to come" in either, which takes no time: those states are left
  /// out of the law, so their rate does not matter.
  Index phases(Index level) const { return level == 0 || bunch == 1.0 ? 2 : 4; }
  solvers::Level level(Index n) const;
};

solvers::Level Chain::level(Index n) const {
  const Index here = phases(n), above = phases(n + 1), below = n > 0 ? phases(n - 1) : 0;
  solvers::Level level{Matrix::Zero(here, below), Matrix::Zero(here, here), Matrix::Zero(here, above)};
  const double rate[2] = {arrivals.calm_per_s, arrivals.busy_per_s};
  const double again = 1.0 - 1.0 / bunch, unit = arrivals.busy_per_s;
  level.local_per_s(0, 1) = arrivals.calm_end_per_s;
  level.local_per_s(1, 0) = arrivals.busy_end_per_s;
  for (Index i = 0; i < 2; ++i) {
    if (n > 0) level.down_per_s(i, i) = death_per_s[i][static_cast<std::size_t>(n)];
    level.up_per_s(i, bunch == 1.0 ? i : i + 2) = rate[i] / bunch;
    if (here < 4) continue;
    level.up_per_s(i + 2, i + 2) = again * unit;
    level.local_per_s(i + 2, i) = (1.0 - again) * unit;
  }
  return level;
}

/// First level from which on the chain may be taken as homogeneous: all slots held, or far above what even the busy
/// phase fills.
Index cut_of(const Chain& chain) {
  const std::vector<double>& death = chain.death_per_s[1];
  std::size_t n = 1;
  while (n + 1 < death.size() && death[n] < chain.arrivals.busy_per_s) ++n;
  const double reach = kDeviations * std::sqrt(static_cast<double>(n) * chain.bunch) + 10.0 * chain.bunch;
  return std::min(static_cast<Index>(death.size()) - 1, static_cast<Index>(n) + static_cast<Index>(std::ceil(reach)));
}

solvers::QbdSolution solve(const Chain& chain, Index cut) {
  solvers::QuasiBirthDeath qbd;
  for (Index n = 0; n < cut; ++n) qbd.boundary.push_back(chain.level(n));
  // Seen from two levels up, so that all three blocks have the phases of the repeating part.
  Chain top = chain;
  for (std::vector<double>& death : top.death_per_s) death.assign(4, death[static_cast<std::size_t>(cut)]);
  qbd.repeating = top.level(2);
  qbd.first_down_per_s = Matrix(qbd.repeating.down_per_s.leftCols(chain.phases(cut - 1)));
  return solvers::solve_qbd(qbd);
}

/// Levels whose waits are taken together, by their mean number of departures to wait for.
void add_wait(double departures, double weight, double departure_s, std::vector<LatencyLaw::Atom>& waits) {
  for (const LatencyLaw::Atom& atom : departure_wait(departures))
    waits.push_back({atom.value_s * departure_s, weight * atom.weight});
}

/// Fills the law by phase from the levels, those beyond the slots as waits of arrivals.
void read_levels(const solvers::QbdSolution& solution, const Chain& chain, double wait_scale,
                 SlotPopulation& population) {
  const auto top = static_cast<Index>(population.law.size()) - 1;
  const double rate[2] = {chain.arrivals.calm_per_s, chain.arrivals.busy_per_s};
  const double departure_s = wait_scale / chain.death_per_s[0].back();
  double waiting = 0.0, grouped = 0.0, grouped_departures = 0.0, next_group = 1.0, wait_sum = 0.0;
  Vector level;
  for (Index n = 0; n < top + kMostWaiting; ++n) {
    level = n <= solution.first_repeating_level() ? solution.boundary_probability[static_cast<std::size_t>(n)]
                                                  : Vector(solution.rate_matrix.transpose() * level);
    const auto at = static_cast<std::size_t>(std::min(n, top));
    for (Index i = 0; i < 2; ++i) population.phases[static_cast<std::size_t>(i)].law[at] += level(i);
    if (n < top) continue;
    const double seen = level(0) * rate[0] + level(1) * rate[1], departures = static_cast<double>(n - top + 1);
    waiting += seen;
    wait_sum += seen * departures;
    grouped += seen;
    grouped_departures += seen * departures;
    const bool is_last = level.sum() < kNegligibleSlots;
    if (departures < next_group && !is_last) continue;
    if (grouped > 0.0) add_wait(grouped_departures / grouped, grouped, departure_s, population.waits);
    next_group = std::max(departures + 1.0, 1.2 * departures);
    grouped = grouped_departures = 0.0;
    if (is_last) break;
  }
  population.wait_probability = waiting;
  for (LatencyLaw::Atom& one : population.waits) one.weight /= std::max(waiting, 1e-300);
  if (waiting > 0.0) population.queue = {.weight = 1.0, .rate_per_s = waiting / (wait_sum * departure_s)};
}

/// The states "more of the bunch to come" take no time: what is left is scaled to 1.
void normalise(const Chain& chain, SlotPopulation& population) {
  double total = 0.0;
  for (const SlotPopulation::Phase& phase : population.phases)
    for (const double one : phase.law) total += one;
  for (SlotPopulation::Phase& phase : population.phases)
    for (std::size_t n = 0; n < phase.law.size(); ++n) {
      phase.law[n] /= total;
      population.law[n] += phase.law[n];
    }
  population.wait_probability /= total * chain.arrivals.rate_per_s();
  set_moments(population);
}

/// Mean seconds that a slot is held: by the level at which deaths balance the mean rate.
double life_s(const std::vector<double>& death_per_s, double arrival_per_s) {
  std::size_t n = 1;
  while (n + 1 < death_per_s.size() && death_per_s[n] < arrival_per_s) ++n;
  return static_cast<double>(n) / death_per_s[n];
}

}  // namespace

SlotPopulation solve_bursty_slots(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                  const SlotRates& rates, const BurstyLoad& load) {
  const double mean = load.arrivals.rate_per_s(), top = rates.completion_per_s.back();
  if (mean >= top) throw NoAnswerError(fmt::format("unstable: arrival_rate {:.4g} /s, capacity {:.4g} /s", mean, top));
  SlotPopulation population{.load = mean / top};
  population.law.assign(rates.completion_per_s.size(), 0.0);
  Chain chain{.arrivals = load.arrivals, .bunch = load.bunch > 1.0 + 1e-6 ? load.bunch : 1.0};
  const double life = life_s(deaths(rates, load.prompt_s, std::min(kMostShare, mean * load.prompt_s)), mean);
  const double pace =
      pace_for_exponential_lives(decode_survival(classes, engine.rules()), load.arrivals.forget_per_s() * life);
  chain.arrivals.calm_end_per_s *= pace;
  chain.arrivals.busy_end_per_s *= pace;
  const std::array<double, 2> shares = prefill_shares(load);
  for (std::size_t i = 0; i < 2; ++i) {
    const double rate = i == 0 ? load.arrivals.calm_per_s : load.arrivals.busy_per_s;
    chain.death_per_s[i] = deaths(rates, load.prompt_s, shares[i]);
    population.phases.push_back({.law = std::vector<double>(population.law.size(), 0.0),
                                 .completion_per_s = chain.death_per_s[i],
                                 .time_ratio = i == 0 ? 1.0 - load.arrivals.busy_ratio() : load.arrivals.busy_ratio(),
                                 .arrival_per_s = rate,
                                 .prefill_share = shares[i]});
  }
  const solvers::QbdSolution solution = solve(chain, cut_of(chain));
  if (!solution.usable()) throw NoAnswerError("sequences in slots: " + solution.message);
  const double irregular = solvers::index_of_dispersion(load.arrivals);
  // Irregular services make a queue longer by as much as they do behind Poisson arrivals, which are a part of it.
  const double factor = wait_factor(engine.slots(), mean / top, engine.work().decode_scv);
  read_levels(solution, chain, 1.0 + (factor - 1.0) * 2.0 / (1.0 + irregular), population);
  normalise(chain, population);
  return population;
}

}  // namespace windtunnel::modeling
