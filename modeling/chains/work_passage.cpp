// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/work_passage.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "modeling/chains/lost_time.h"
#include "modeling/spec/spec_error.h"
#include "solvers/long_run_average.h"
#include "solvers/m_matrix.h"
#include "solvers/root_finding.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Matrix;
using solvers::Vector;

/// Rates times stages of a path that takes about half a second.
constexpr double kMostWork = 5e8;
/// Time is followed until the job has ended with all but this probability.
constexpr double kLate = 1e-7;
/// Share of time of the counts left out; what they hold is rarer than what is followed.
constexpr double kPaceTail = 1e-9;
/// Shortages expected in the run between which runs with and without one are told apart; fewer do not move a 99 %
/// quantile.
constexpr double kFewestShortages = 3e-3;
constexpr double kMostShortages = 20.0;

/// Mean, variance and third cumulant of the work done by some time.
struct Cumulants {
  double mean = 0.0;
  double variance = 0.0;
  double third = 0.0;
};

/// Of all runs; and of those that were never short of nodes, where the two are told apart.
struct WorkSoFar {
  Cumulants all;
  /// 1: not told apart.
  double never_short_probability = 1.0;
  Cumulants never_short;
};

/// The chain of counts with its pace in every state.
struct PacedChain {
  solvers::Generator generator;
  Vector mean;
  Vector variance;
  Vector third;
  /// 1 where the job runs, 0 where it waits for nodes.
  Vector runs;
  /// Long-run mean pace, and the bias of each state (long_run_average.h).
  double long_run = 0.0;
  Vector bias;
  Vector probability;
};

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

PacedChain chain_of_counts(const WorkPassageProblem& problem, const CountModel& model) {
  require_solvable(model);
  solvers::StateSpace<Counts> space = explore_counts(model);
  PacedChain chain{.generator = std::move(space.generator)};
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

/// Cumulants of the work by time, from state 0.
class WorkPath {
 public:
  virtual ~WorkPath() = default;
  virtual WorkSoFar at(double time_s) = 0;
  virtual long long steps() const = 0;
};

/// Long-run growth: mean r t + g(0) - pi g, variance t (pi s^2 + 2 sum pi (r(k) - r) g(k)).
class GrowthPath : public WorkPath {
 public:
  explicit GrowthPath(const PacedChain& chain) : pace_(chain.long_run) {
    const double mean_bias = chain.probability.dot(chain.bias);
    start_ = chain.bias(0) - mean_bias;
    const Vector centred = (chain.mean.array() - pace_).matrix();
    const double slow = 2.0 * chain.probability.dot((centred.array() * (chain.bias.array() - mean_bias)).matrix());
    variance_ = chain.probability.dot(chain.variance) + std::max(0.0, slow);
    third_ = chain.probability.dot(chain.third);
  }
  WorkSoFar at(double time_s) override {
    return {.all = {pace_ * time_s + start_, variance_ * time_s, third_ * time_s}};
  }
  long long steps() const override { return 0; }
  double variance_per_s() const { return variance_; }

 private:
  double pace_ = 0.0;
  double start_ = 0.0;
  double variance_ = 0.0;
  double third_ = 0.0;
};

/// Backward equations of the moments m_n of the work beyond r t, c = pace - r:
///   m1' = c + Q m1,  m2' = 2 c m1 + v + Q m2,  m3' = 3 c m2 + 3 v m1 + w + Q m3.
/// Seven columns: behind them n_0 ... n_3, the same with n_0' = Q n_0 over the states in which the job runs, for runs
/// that never wait; without those, long-run growth takes over once the growth is steady.
template <int kColumns>
class MomentPath : public WorkPath {
 public:
  explicit MomentPath(const PacedChain& chain)
      : chain_(chain), centred_(Vector((chain.mean.array() - chain.long_run).matrix())) {
    // Where the classical method is stable for every generator: twice the fastest rate times the step below 2.78.
    step_s_ = 1.35 / chain.generator.max_exit_rate();
    moments_ = Moments::Zero(chain.generator.states(), kColumns);
    if (kIsSplit) moments_.col(3) = chain.runs;
    note();
  }
  WorkSoFar at(double time_s) override {
    const double place = time_s / step_s_;
    while (!is_steady_ && path_.size() < static_cast<std::size_t>(place) + 2) advance();
    const auto last = path_.size() - 2;
    const auto from = std::min(last, static_cast<std::size_t>(place));
    const double after = place - static_cast<double>(from);  // above 1 only in steady growth
    const auto between = [&](double a, double b) { return a + after * (b - a); };
    const auto work = [&](const Cumulants& a, const Cumulants& b) {
      return Cumulants{chain_.long_run * time_s + between(a.mean, b.mean), between(a.variance, b.variance),
                       between(a.third, b.third)};
    };
    const WorkSoFar& a = path_[from];
    const WorkSoFar& b = path_[from + 1];
    return {.all = work(a.all, b.all),
            .never_short_probability = between(a.never_short_probability, b.never_short_probability),
            .never_short = work(a.never_short, b.never_short)};
  }
  long long steps() const override { return static_cast<long long>(path_.size()) - 1; }

 private:
  static constexpr bool kIsSplit = kColumns == 7;
  using Moments = Eigen::Matrix<double, Eigen::Dynamic, kColumns, Eigen::RowMajor>;
  using Row = Eigen::Array<double, 1, kColumns>;

  Moments slope(const Moments& m) const {
    Moments slope(m.rows(), kColumns);
    const solvers::Generator& q = chain_.generator;
    for (Index k = 0; k < m.rows(); ++k) {
      Row flow = Row::Zero();
      for (const auto [to, rate] : q.outgoing().row(k)) flow += rate * (m.row(to).array() - m.row(k).array());
      const double c = centred_(k);
      const double v = chain_.variance(k);
      const double w = chain_.third(k);
      const auto earned = [&](double m0, double m1, double m2, Index first) {
        flow(first) += c * m0;
        flow(first + 1) += 2.0 * c * m1 + v * m0;
        flow(first + 2) += 3.0 * c * m2 + 3.0 * v * m1 + w * m0;
      };
      earned(1.0, m(k, 0), m(k, 1), 0);
      if constexpr (kIsSplit) {
        earned(m(k, 3), m(k, 4), m(k, 5), 4);
        flow.template tail<4>() *= chain_.runs(k);
      }
      slope.row(k) = flow.matrix();
    }
    return slope;
  }
  void advance() {
    const double h = step_s_;
    const Moments k1 = slope(moments_);
    const Moments k2 = slope(moments_ + 0.5 * h * k1);
    const Moments k3 = slope(moments_ + 0.5 * h * k2);
    const Moments k4 = slope(moments_ + h * k3);
    moments_ += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
    note();
    is_steady_ = !kIsSplit && grows_steadily();
  }
  static Cumulants cumulants(double m1, double m2, double m3) {
    return {m1, m2 - m1 * m1, m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1};
  }
  void note() {
    WorkSoFar now{.all = cumulants(moments_(0, 0), moments_(0, 1), moments_(0, 2))};
    if constexpr (kIsSplit) {
      const double p = moments_(0, 3);
      now.never_short_probability = p;
      if (p > 0.0) now.never_short = cumulants(moments_(0, 4) / p, moments_(0, 5) / p, moments_(0, 6) / p);
    }
    path_.push_back(now);
  }
  /// The last step added what the one before it did.
  bool grows_steadily() const {
    constexpr double kSteady = 1e-10;
    if (path_.size() < 3) return false;
    const Cumulants& a = path_[path_.size() - 3].all;
    const Cumulants& b = path_[path_.size() - 2].all;
    const Cumulants& c = path_.back().all;
    const auto steady = [](double x, double y, double z, double scale) {
      return std::abs((z - y) - (y - x)) <= kSteady * scale;
    };
    return steady(a.mean, b.mean, c.mean, chain_.long_run * step_s_) &&
           steady(a.variance, b.variance, c.variance, std::abs(c.variance - b.variance)) &&
           steady(a.third, b.third, c.third, std::abs(c.third - b.third));
  }

  const PacedChain& chain_;
  Vector centred_;
  double step_s_ = 0.0;
  Moments moments_;
  std::vector<WorkSoFar> path_;
  bool is_steady_ = false;
};

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

std::shared_ptr<WorkPath> work_path(const std::shared_ptr<PacedChain>& chain, const std::shared_ptr<GrowthPath>& growth,
                                    double time_s) {
  const solvers::Generator& q = chain->generator;
  if (q.max_exit_rate() == 0.0) return growth;
  const double shortages = shortages_per_s(*chain) * time_s;
  const bool split = shortages > kFewestShortages && shortages < kMostShortages;
  const double rates = static_cast<double>(q.transitions() + 4 * q.states()) * (split ? 7.0 : 3.0);
  if (q.max_exit_rate() * time_s * rates * 3.0 > kMostWork) return growth;
  if (split) return std::make_shared<MomentPath<7>>(*chain);
  return std::make_shared<MomentPath<3>>(*chain);
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
  const auto growth = std::make_shared<GrowthPath>(*chain);
  const double guess_s = std::max(earliest_s, problem.work_s / chain->long_run);
  const double spread_s = std::sqrt(growth->variance_per_s() * guess_s) / chain->long_run;
  const std::shared_ptr<WorkPath> path = work_path(chain, growth, guess_s + 8.0 * spread_s);
  const bool follow = path != growth;
  WorkPassage passage{.method = follow ? "moments of accumulated work (Runge-Kutta), three-moment fit"
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
  return passage;
}

}  // namespace windtunnel::modeling
