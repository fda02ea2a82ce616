// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/time_to_finish.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "modeling/chains/health/lost_time_law.h"
#include "modeling/chains/health/work_moments.h"
#include "modeling/spec/spec_error.h"
#include "solvers/linear/m_matrix.h"
#include "solvers/long_run/long_run_average.h"
#include "solvers/numerics/root_finding.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Matrix;
using solvers::Vector;

/// Products with rates of a path that takes about half a second.
constexpr double kMostWork = 5e8;
/// Time is followed until the job has ended with all but this probability.
constexpr double kLate = 1e-7;
/// Share of time of the counts left out; what they hold is rarer than what is followed.
constexpr double kPaceTail = 1e-9;
/// Shortages expected in the run between which runs with and without one are told apart; fewer do not move a 99 %
/// quantile.
constexpr double kFewestShortages = 3e-3;
constexpr double kMostShortages = 20.0;

void set_pace(Index state, const WorkPace& pace, PacedChain& chain) {
  chain.mean(state) = pace.mean_ratio;
  chain.variance(state) = pace.variance_s;
  chain.third(state) = pace.third_s2;
  chain.runs(state) = pace.mean_ratio > 0.0 ? 1.0 : 0.0;
}

/// The levels alone, each left at its long-run rates: where the counts are too many to be followed.
PacedChain chain_of_levels(const WorkPassageProblem& problem) {
  const LevelLaw law = solve_levels_of_job(problem.health, problem.level_of, problem.pace.size());
  std::vector<Index> number(problem.pace.size(), -1);
  Index states = 0;
  for (std::size_t k = 0; k < number.size(); ++k)
    if (law.probability(static_cast<Index>(k)) > 0.0) number[k] = states++;
  std::vector<solvers::Transition> moves;
  for (const LevelMove& move : law.moves) moves.push_back({number[move.from], number[move.to], move.rate_per_s});
  PacedChain chain{.generator = solvers::Generator(states, moves)};
  chain.mean = chain.variance = chain.third = chain.runs = Vector::Zero(states);
  for (std::size_t k = 0; k < number.size(); ++k)
    if (number[k] >= 0) set_pace(number[k], problem.pace[k], chain);
  return chain;
}

/// An eighth of a node's repair: shortages and their end are followed well within it. Nodes whose repairs are steadier
/// than exponential go round in cycles: no long strides.
std::optional<double> stride_s(const NodeHealth& health) {
  if (!nodes_fail(health) || health.repair.scv < 1.0) return std::nullopt;
  return health.repair.mean_s / 8.0;
}

PacedChain chain_of_counts(const WorkPassageProblem& problem, const CountModel& model) {
  require_solvable(model);
  solvers::StateSpace<Counts> space = explore_counts(model);
  PacedChain chain{.generator = std::move(space.generator),
                   .stride_s = stride_s(problem.health),
                   .exponential_repair = model.exponential_repair};
  const Index states = chain.generator.states();
  chain.mean = chain.variance = chain.third = chain.runs = Vector::Zero(states);
  for (Index k = 0; k < states; ++k) {
    const Count down = nodes_down(problem.health, space.states[static_cast<std::size_t>(k)]);
    set_pace(k, problem.pace[problem.level_of(down)], chain);
  }
  return chain;
}

PacedChain paced_chain(const WorkPassageProblem& problem) {
  const CountModel model =
      count_model(problem.health, {.with_phases = problem.health.repair.scv != 1.0, .tail = kPaceTail});
  PacedChain chain = is_followed_in_time(model) ? chain_of_counts(problem, model) : chain_of_levels(problem);
  const solvers::LongRunAverage average = solvers::solve_long_run_average(chain.generator, chain.mean);
  if (!average.stationary.usable()) throw NoAnswerError("long-run pace of the job: " + average.stationary.message);
  chain.long_run = average.value;
  chain.bias = average.bias;
  chain.probability = average.stationary.probability;
  return chain;
}

/// First to third raw moments.
using RawMoments = std::array<double, 3>;

/// Of the time lost, fastest t - work.
RawMoments lost_moments(const Cumulants& work, double most_work_s) {
  const double mean = std::max(0.0, most_work_s - work.mean);
  const double second = work.variance + mean * mean;
  return {mean, second, -work.third + 3.0 * mean * second - 2.0 * mean * mean * mean};
}

RawMoments without(const RawMoments& all, double share, const RawMoments& part) {
  RawMoments rest{};
  for (std::size_t n = 0; n < rest.size(); ++n) rest[n] = (all[n] - share * part[n]) / (1.0 - share);
  return rest;
}

/// P(lost <= room) when nothing is lost with probability `nothing_lost` and the moments are of all.
double enough_left(const RawMoments& lost, double nothing_lost, double room_s) {
  if (1.0 - nothing_lost < 1e-12 || lost[0] <= 0.0) return 1.0;
  const RawMoments some = without(lost, nothing_lost, {});
  const double variance = some[1] - some[0] * some[0];
  if (variance <= 1e-24 * some[0] * some[0]) return room_s >= some[0] ? 1.0 : nothing_lost;
  const solvers::CentralMoments central{
      .mean_s = some[0],
      .variance_s2 = variance,
      .third_s3 = some[2] - 3.0 * some[0] * some[1] + 2.0 * some[0] * some[0] * some[0],
      .fourth_s4 = 3.0 * variance * variance};
  return nothing_lost + (1.0 - nothing_lost) * lost_time_cdf(central, room_s);
}

/// P(work by t >= B): the time lost by t is at most fastest t - B. Given that something is lost its moments are those
/// of the mixture with the atom taken out.
double finished(const WorkPassageProblem& problem, WorkPath& path, double time_s) {
  const double room_s = problem.fastest_ratio * time_s - problem.work_s;
  if (room_s < -1e-12 * problem.work_s) return 0.0;
  const WorkSoFar work = path.at(time_s);
  const double nothing_lost = std::exp(-problem.loss_per_s * time_s);
  const RawMoments lost = lost_moments(work.all, problem.fastest_ratio * time_s);
  const double calm = work.never_short_probability;
  constexpr double kNegligible = 1e-7;
  if (calm > 1.0 - kNegligible || calm < kNegligible) return enough_left(lost, nothing_lost, std::max(0.0, room_s));
  const RawMoments lost_calm = lost_moments(work.never_short, problem.fastest_ratio * time_s);
  const double finished_calm = enough_left(lost_calm, std::min(1.0, nothing_lost / calm), std::max(0.0, room_s));
  const double finished_short = enough_left(without(lost, calm, lost_calm), 0.0, std::max(0.0, room_s));
  return calm * finished_calm + (1.0 - calm) * finished_short;
}

/// Rate at which the job becomes short of nodes in the long run.
double shortages_per_s(const PacedChain& chain) {
  double rate = 0.0;
  for (Index k = 0; k < chain.runs.size(); ++k) {
    if (chain.runs(k) == 0.0) continue;
    for (const auto [to, q] : chain.generator.outgoing().row(k))
      rate += chain.runs(to) == 0.0 ? chain.probability(k) * q : 0.0;
  }
  return rate;
}

/// Empty where that takes too long: long-run growth stands in.
std::shared_ptr<WorkPath> followed_path(const std::shared_ptr<PacedChain>& chain, double time_s) {
  const solvers::Generator& q = chain->generator;
  if (q.max_exit_rate() == 0.0) return nullptr;
  const double shortages = shortages_per_s(*chain) * time_s;
  const bool split = shortages > kFewestShortages && shortages < kMostShortages;
  return moment_path_work(*chain, split, time_s) > kMostWork ? nullptr : moment_path(*chain, split);
}

double quantile_s(const std::function<double(double)>& law, double level, double low_s, double high_s) {
  if (law(low_s) >= level) return low_s;
  return solvers::find_root([&](double t) { return law(t) - level; }, low_s, high_s, 1e-9);
}

/// Integral of P(T > t) beyond the earliest end, by Simpson's rule between its smallest and largest values.
double mean_s(const std::function<double(double)>& law, double low_s, double high_s) {
  // A fifth of a standard deviation each: far below what the fit of the law leaves open.
  constexpr int kPieces = 96;
  const double piece_s = (high_s - low_s) / kPieces;
  double sum = 0.0;
  for (int k = 0; k <= kPieces; ++k) {
    const double weight = k == 0 || k == kPieces ? 1.0 : (k % 2 == 1 ? 4.0 : 2.0);
    sum += weight * (1.0 - law(low_s + k * piece_s));
  }
  return low_s + sum * piece_s / 3.0;
}

/// A time by which the job has ended, as good as surely.
double latest_s(const std::function<double(double)>& law, double guess_s, double spread_s) {
  double late_s = guess_s + 8.0 * spread_s;
  for (int step = 0; step < 40 && law(late_s) < 1.0 - kLate; ++step) late_s += 4.0 * spread_s + 0.05 * guess_s;
  return late_s;
}

}  // namespace

WorkPassage solve_work_passage(const WorkPassageProblem& problem) {
  const auto chain = std::make_shared<PacedChain>(paced_chain(problem));
  const double earliest_s = problem.work_s / problem.fastest_ratio;
  if (!(chain->long_run > 0.0) || !std::isfinite(problem.work_s / chain->long_run))
    throw NoAnswerError("the job makes no progress: it fails faster than it can work, or is always short of nodes");
  const std::shared_ptr<WorkPath> growth = growth_path(*chain);
  const double guess_s = std::max(earliest_s, problem.work_s / chain->long_run);
  const double spread_s = std::sqrt(growth->at(guess_s).all.variance) / chain->long_run;
  const std::shared_ptr<WorkPath> followed = followed_path(chain, guess_s + 8.0 * spread_s);
  const std::shared_ptr<WorkPath> path = followed ? followed : growth;
  WorkPassage passage{.method = followed ? "moments of accumulated work (Runge-Kutta), three-moment fit"
                                         : "long-run growth of accumulated work, three-moment fit"};
  passage.finished_probability = [problem, chain, path](double time_s) { return finished(problem, *path, time_s); };
  const double late_s = latest_s(passage.finished_probability, guess_s, spread_s);
  passage.p50_s = quantile_s(passage.finished_probability, 0.5, earliest_s, late_s);
  passage.p99_s = quantile_s(passage.finished_probability, 0.99, earliest_s, late_s);
  const double early_s = std::max(earliest_s, guess_s - 10.0 * spread_s);
  passage.mean_s = mean_s(passage.finished_probability, early_s, late_s);
  // Later than the latest end there is nothing left to follow.
  passage.finished_probability = [law = passage.finished_probability, late_s](double time_s) {
    return time_s >= late_s ? 1.0 : law(time_s);
  };
  passage.states = chain->generator.states();
  passage.transitions = chain->generator.transitions();
  passage.steps = path->steps();
  passage.exponential_repair = chain->exponential_repair;
  return passage;
}

}  // namespace windtunnel::modeling
