// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/work_passage.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "modeling/spec/spec_error.h"
#include "solvers/long_run_average.h"
#include "solvers/m_matrix.h"
#include "solvers/phase_type_curve.h"
#include "solvers/phase_type_fit.h"
#include "solvers/root_finding.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;
using solvers::Matrix;
using solvers::Vector;

/// Rates times stages of a path that takes about a second.
constexpr double kMostWork = 1.5e9;
/// Time is followed until the job has ended with all but this probability.
constexpr double kLate = 1e-7;

/// Mean, variance and third cumulant of the work done by some time.
struct Cumulants {
  double mean = 0.0;
  double variance = 0.0;
  double third = 0.0;
};

/// The chain of counts with its pace in every state.
struct PacedChain {
  solvers::StateSpace<Counts> space;
  Vector mean;
  Vector variance;
  Vector third;
  /// Long-run mean pace, and the bias of each state (long_run_average.h).
  double long_run = 0.0;
  Vector bias;
  Vector probability;
};

PacedChain paced_chain(const WorkPassageProblem& problem) {
  CountModel model = count_model(problem.health, {.with_phases = problem.health.repair.scv != 1.0, .tail = 1e-12});
  require_solvable(model);
  PacedChain chain{.space = explore_counts(model)};
  const Index states = chain.space.generator.states();
  chain.mean = chain.variance = chain.third = Vector::Zero(states);
  for (Index k = 0; k < states; ++k) {
    const Count down = nodes_down(problem.health, chain.space.states[static_cast<std::size_t>(k)]);
    const WorkPace& pace = problem.pace[problem.level_of(down)];
    chain.mean(k) = pace.mean_ratio;
    chain.variance(k) = pace.variance_s;
    chain.third(k) = pace.third_s2;
  }
  const solvers::LongRunAverage average = solvers::solve_long_run_average(chain.space.generator, chain.mean);
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
  virtual Cumulants at(double time_s) = 0;
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
  Cumulants at(double time_s) override { return {pace_ * time_s + start_, variance_ * time_s, third_ * time_s}; }
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
class MomentPath : public WorkPath {
 public:
  explicit MomentPath(const PacedChain& chain)
      : chain_(chain), centred_(Vector((chain.mean.array() - chain.long_run).matrix())) {
    step_s_ = 1.0 / chain.space.generator.max_exit_rate();
    moments_ = Matrix::Zero(chain.space.generator.states(), 3);
    path_.push_back({});
  }
  Cumulants at(double time_s) override {
    const auto place = static_cast<std::size_t>(time_s / step_s_);
    while (path_.size() < place + 2) advance();
    const double after = time_s / step_s_ - static_cast<double>(place);
    const auto between = [&](double a, double b) { return a + after * (b - a); };
    const Cumulants& a = path_[place];
    const Cumulants& b = path_[place + 1];
    return {chain_.long_run * time_s + between(a.mean, b.mean), between(a.variance, b.variance),
            between(a.third, b.third)};
  }
  long long steps() const override { return static_cast<long long>(path_.size()) - 1; }

 private:
  Matrix slope(const Matrix& m) const {
    Matrix slope(m.rows(), 3);
    const solvers::Generator& q = chain_.space.generator;
    for (Index k = 0; k < m.rows(); ++k) {
      double flow[3] = {0.0, 0.0, 0.0};
      for (const auto [to, rate] : q.outgoing().row(k))
        for (int n = 0; n < 3; ++n) flow[n] += rate * (m(to, n) - m(k, n));
      const double c = centred_(k);
      const double v = chain_.variance(k);
      slope(k, 0) = c + flow[0];
      slope(k, 1) = 2.0 * c * m(k, 0) + v + flow[1];
      slope(k, 2) = 3.0 * c * m(k, 1) + 3.0 * v * m(k, 0) + chain_.third(k) + flow[2];
    }
    return slope;
  }
  void advance() {
    const double h = step_s_;
    const Matrix k1 = slope(moments_);
    const Matrix k2 = slope(moments_ + 0.5 * h * k1);
    const Matrix k3 = slope(moments_ + 0.5 * h * k2);
    const Matrix k4 = slope(moments_ + h * k3);
    moments_ += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
    const double m1 = moments_(0, 0);
    const double m2 = moments_(0, 1);
    path_.push_back({m1, m2 - m1 * m1, moments_(0, 2) - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1});
  }

  const PacedChain& chain_;
  Vector centred_;
  double step_s_ = 0.0;
  Matrix moments_;
  std::vector<Cumulants> path_;
};

/// P(work by t >= B): the time lost by t is at most fastest t - B. Given that something is lost its moments are those
/// of the mixture with the atom taken out.
double finished(const WorkPassageProblem& problem, WorkPath& path, double time_s) {
  const double room_s = problem.fastest_ratio * time_s - problem.work_s;
  if (room_s < -1e-12 * problem.work_s) return 0.0;
  const Cumulants work = path.at(time_s);
  const double nothing_lost = std::exp(-problem.loss_per_s * time_s);
  const double lost_share = 1.0 - nothing_lost;
  const double mean = std::max(0.0, problem.fastest_ratio * time_s - work.mean);
  if (lost_share < 1e-12 || mean == 0.0) return 1.0;
  const double second = work.variance + mean * mean;
  const double third = -work.third + 3.0 * mean * second - 2.0 * mean * mean * mean;
  const double m1 = mean / lost_share;
  const double m2 = second / lost_share;
  const double m3 = third / lost_share;
  const double variance = m2 - m1 * m1;
  if (variance <= 1e-24 * m1 * m1) return room_s >= m1 ? 1.0 : nothing_lost;
  const solvers::CentralMoments lost{.mean_s = m1,
                                     .variance_s2 = variance,
                                     .third_s3 = m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1,
                                     .fourth_s4 = 3.0 * variance * variance};
  solvers::PhaseTypeCurve curve(solvers::fit_phase_type(lost));
  return nothing_lost + lost_share * curve.cdf(std::max(0.0, room_s));
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
  const solvers::Generator& q = chain->space.generator;
  const double rates = static_cast<double>(q.transitions() + 4 * q.states());
  const bool follow =
      q.max_exit_rate() * (guess_s + 8.0 * spread_s) * rates * 12.0 < kMostWork && q.max_exit_rate() > 0.0;
  const std::shared_ptr<WorkPath> path =
      follow ? std::make_shared<MomentPath>(*chain) : std::shared_ptr<WorkPath>(growth);
  WorkPassage passage{.method = follow ? "moments of accumulated work (Runge-Kutta), phase-type fit"
                                       : "long-run growth of accumulated work, phase-type fit"};
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
  passage.states = q.states();
  passage.transitions = q.transitions();
  passage.steps = path->steps();
  return passage;
}

}  // namespace windtunnel::modeling
