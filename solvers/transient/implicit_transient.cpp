// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/implicit_transient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "solvers/numerics/enclosure.h"
#include "solvers/numerics/time_galerkin.h"
#include "solvers/transient/clocked_chain.h"

namespace windtunnel::solvers {
namespace {

// Ticks of uniformization before the first step: what the fastest states do is over.
constexpr double kFirstTicks = 256.0;
// A mode that decays like e^(-a s) has e^(-a T) left at time T; on [T, 5 T] polynomials of degree 24 know it to 1e-12.
constexpr Index kDegree = 24;
constexpr double kGrowth = 4.0;
constexpr double kMostGrowth = 256.0;
constexpr double kLeastGrowth = 0.25;
// Functions per step; three floating-point numbers per function and state are kept.
constexpr Index kMostFunctions = 40;
constexpr Index kFunctionsPerTry = 3;
constexpr double kMostNumbers = 1.5e8;
// Rings of the clock within a step.
constexpr double kRings = 16.0;
// Of what a step may err, the part left to its linear systems.
constexpr double kSystemsShare = 0.1;
// Errors relative to the largest value over all states: the first is asked for at first, as the value in the states of
// interest is not known yet; below the second rounding decides.
constexpr double kFirstAim = 1e-10;
constexpr double kAttainable = 1e-12;

/// u' = A u + g with A the generator of the part.
struct Problem {
  const PartialChain& part;
  /// States outside that are worth 1.
  StateSet target;
  /// g besides the rates into the target; empty for 0.
  Vector reward_per_s;
};

/// The solution up to a time, and what it may be off by in any state.
struct Progress {
  double time_s = 0.0;
  Vector value;
  double error = 0.0;
};

/// The functions of one step: p(s) = x0 + X z(s). V spans what they answer; X = clocked values of V.
class StepSpace {
 public:
  StepSpace(const Problem& problem, const Vector& start, double clock_per_s, Index most)
      : clocked_(problem.part, problem.target, clock_per_s),
        problem_(problem),
        most_(std::min(most, start.size())),
        v_(start.size(), most_ + 1),
        x_(start.size(), most_),
        change_(start.size(), most_),
        hessenberg_(Eigen::MatrixXd::Zero(most_ + 1, most_)) {}

  Index functions() const { return functions_; }
  /// Every linear system was.
  bool solved() const { return solved_; }
  bool full() const { return functions_ == most_ || closed_; }
  double start_change() const { return begin_; }
  double clock_per_s() const { return clocked_.clock_per_s(); }

  /// x0 from the start value.
  void begin(const Vector& start, double target_per_s) {
    const ClockedValue first = clocked_.value(start, problem_.reward_per_s, !problem_.target.empty(), target_per_s);
    x0_ = first.x.high;
    residual0_per_s_ = first.residual_per_s;
    solved_ = first.solved;
    change0_ = difference(first.x, start);
    begin_ = change0_.norm();
    if (begin_ > 0.0) v_.col(0) = change0_ / begin_;
    closed_ = begin_ == 0.0;
  }

  /// One function more, by Arnoldi's method.
  void extend(double target_per_s) {
    const Index k = functions_;
    const ClockedValue next = clocked_.value(v_.col(k), {}, false, target_per_s);
    x_.col(k) = next.x.high;
    change_.col(k) = difference(next.x, v_.col(k));
    residual_per_s_.push_back(next.residual_per_s);
    solved_ = solved_ && next.solved;
    Vector rest = next.x.high;
    for (int pass = 0; pass < 2; ++pass) {
      const Vector along = v_.leftCols(k + 1).transpose() * rest;
      rest -= v_.leftCols(k + 1) * along;
      hessenberg_.col(k).head(k + 1) += along;
    }
    const double size = rest.norm();
    closed_ = !(size > 1e-13 * next.x.high.norm());
    if (!closed_) {
      hessenberg_(k + 1, k) = size;
      v_.col(k + 1) = rest / size;
    }
    ++functions_;
  }

  /// Coefficients of z on a step of that length.
  Eigen::MatrixXd coefficients(const TimeGalerkin& galerkin, double step) const {
    const Eigen::MatrixXd mass = square();
    const Eigen::MatrixXd slope = clock_per_s() * (mass - Eigen::MatrixXd::Identity(functions_, functions_));
    Vector forcing = Vector::Zero(functions_);
    forcing(0) = clock_per_s() * begin_;
    return galerkin.solve(mass, slope, forcing, -forcing / clock_per_s(), step);
  }

  /// About the error of a step, from the small matrices alone.
  double estimate(const TimeGalerkin& galerkin, double step) const {
    if (functions_ == 0) return change0_.lpNorm<Eigen::Infinity>() * (1.0 + clock_per_s() * step);
    const Eigen::MatrixXd z = coefficients(galerkin, step);
    const Eigen::MatrixXd slope = z * galerkin.derivative() / step;
    const auto tall = hessenberg_.topLeftCorner(functions_ + 1, functions_);
    Eigen::MatrixXd defect = tall * (slope - clock_per_s() * z);
    defect.topRows(functions_) += clock_per_s() * z;
    defect(0, 0) -= clock_per_s() * begin_;
    Vector jump = tall * (z * galerkin.at_begin());
    jump(0) += begin_;
    const Index known = closed_ ? functions_ : functions_ + 1;
    double error = 0.0;
    for (Index k = 0; k < known; ++k) {
      error += v_.col(k).lpNorm<Eigen::Infinity>() * (std::abs(jump(k)) + step * defect.row(k).lpNorm<1>());
    }
    return error;
  }

  /// The value at the end of a step from `start`, and the proven bound on what the step adds to the error.
  double take(const TimeGalerkin& galerkin, double step, Vector& value) const {
    const double sums = static_cast<double>(functions_ + galerkin.degree() + 8) * kUnitRoundoff;
    if (functions_ == 0) {
      value = x0_;
      return (change0_.lpNorm<Eigen::Infinity>() * (1.0 + clock_per_s() * step) + residual0_per_s_ * step) *
             (1.0 + sums);
    }
    const auto x = x_.leftCols(functions_);
    const auto change = change_.leftCols(functions_);
    const Eigen::MatrixXd z = coefficients(galerkin, step);
    const Eigen::MatrixXd z_size = z.cwiseAbs();
    const Eigen::MatrixXd slope = z * galerkin.derivative() / step;
    const Eigen::MatrixXd slope_size = z_size * galerkin.derivative() / step;
    const double clock = clock_per_s();
    Eigen::MatrixXd defect = x * slope - clock * (change * z);
    defect.col(0) -= clock * change0_;
    Eigen::MatrixXd size = x.cwiseAbs() * slope_size + clock * (change.cwiseAbs() * z_size);
    size.col(0) += clock * change0_.cwiseAbs();
    double error = (residual0_per_s_ * step);
    for (Index j = 0; j < defect.cols(); ++j) {
      error += step * (defect.col(j).cwiseAbs() + sums * size.col(j)).maxCoeff();
    }
    for (Index k = 0; k < functions_; ++k) {
      error += step * residual_per_s_[static_cast<std::size_t>(k)] * z_size.row(k).sum();
    }
    const Vector first = z * galerkin.at_begin();
    const Vector last = z * galerkin.at_end();
    error += jump(change0_, first, z_size * galerkin.at_end(), sums);
    const Vector rounding = x0_.cwiseAbs() + x.cwiseAbs() * (z_size * galerkin.at_end());
    error += sums * rounding.maxCoeff();
    value = x0_ + x * last;
    return error * (1.0 + 1e-9);
  }

 private:
  /// x - v, to the last digit but one.
  static Vector difference(const PreciseVector& x, const Vector& v) { return (x.high - v) + x.low; }

  Eigen::MatrixXd square() const { return hessenberg_.topLeftCorner(functions_, functions_); }

  /// Largest |x0 + X z(0) - start|.
  double jump(const Vector& change0, const Vector& z, const Vector& z_size, double sums) const {
    const auto x = x_.leftCols(functions_);
    const Vector size = change0.cwiseAbs() + x.cwiseAbs() * z_size;
    return ((change0 + x * z).cwiseAbs() + sums * size).maxCoeff();
  }

  ClockedChain clocked_;
  const Problem& problem_;
  Index most_;
  Index functions_ = 0;
  bool closed_ = false;
  bool solved_ = true;
  Eigen::MatrixXd v_;
  Eigen::MatrixXd x_;
  Eigen::MatrixXd change_;  // X - V
  Eigen::MatrixXd hessenberg_;
  std::vector<double> residual_per_s_;
  Vector x0_;
  Vector change0_;  // x0 - start
  double residual0_per_s_ = HUGE_VAL;
  double begin_ = 0.0;
};

double power_of_two(double x) {
  return std::exp2(std::round(std::log2(x)));
}

class ImplicitSteps {
 public:
  ImplicitSteps(const Problem& problem, double time_s, const std::vector<Index>& interest,
                const ImplicitOptions& options, double aim)
      : problem_(problem), time_s_(time_s), interest_(interest), options_(options), aim_(aim), galerkin_(kDegree) {}

  /// Advances until the time is reached; false when a step cannot be had.
  bool run(Progress& progress) {
    while (progress.time_s < time_s_) {
      if (systems_ > options_.max_systems || growth_ < kLeastGrowth * 1e-4) return false;
      if (!(progress.error <= 1e3 * wanted(progress))) return false;
      step(progress);
    }
    return true;
  }

  long long systems() const { return systems_; }
  int steps() const { return steps_; }

 private:
  /// Error that is wanted in the end, as far as it is known now.
  double wanted(const Progress& progress) const {
    double size = HUGE_VAL;
    for (const Index i : interest_) size = std::min(size, std::abs(progress.value(i)));
    const double attainable = aim_ * progress.value.lpNorm<Eigen::Infinity>();
    const bool grows = problem_.reward_per_s.size() == 0 || problem_.reward_per_s.minCoeff() >= 0.0;
    const bool integral = problem_.reward_per_s.size() > 0 || !problem_.target.empty();
    return std::max(
        {options_.absolute_tolerance, attainable, grows && integral ? options_.relative_tolerance * size : 0.0});
  }

  double allowed(const Progress& progress) const {
    const double steps = std::log(time_s_ / progress.time_s) / std::log1p(growth_) + 2.0;
    return 0.3 * wanted(progress) / steps;
  }

  Index most_functions() const {
    const double fit = kMostNumbers / (3.0 * static_cast<double>(problem_.part.states()));
    return std::clamp(static_cast<Index>(fit), Index{8}, kMostFunctions);
  }

  /// The longest step with an estimate that is allowed, at most `longest`; 0 when there is none worth taking.
  double length(const StepSpace& space, double longest, double allowed, double shortest) const {
    for (double step = longest; step >= shortest; step *= 0.7) {
      if (space.estimate(galerkin_, step) <= allowed) return step;
    }
    return 0.0;
  }

  void step(Progress& progress) {
    const double rest = time_s_ - progress.time_s;
    const double longest = std::min(rest, growth_ * progress.time_s);
    const double error = allowed(progress);
    StepSpace space(problem_, progress.value, power_of_two(kRings / longest), most_functions());
    const double taken = fill(space, progress, longest, error);
    if (taken == 0.0) {  // a shorter step has easier systems and a smoother solution
      growth_ *= 0.2;
      return;
    }
    progress.error += space.take(galerkin_, taken, progress.value);
    progress.time_s = taken == rest ? time_s_ : progress.time_s + taken;
    if (taken < longest) {
      growth_ = std::max(kLeastGrowth, 0.5 * growth_);
    } else if (space.functions() <= kMostFunctions / 2) {
      growth_ = std::min(kMostGrowth, 2.0 * growth_);
    }
    ++steps_;
  }

  /// Adds functions until the step may be taken; the length that may be, 0 for none.
  double fill(StepSpace& space, const Progress& progress, double longest, double error) {
    const double rest = time_s_ - progress.time_s;
    space.begin(progress.value, kSystemsShare * error / longest);
    ++systems_;
    const double per_s = 0.2 * kSystemsShare * error / (longest * std::max(space.start_change(), 1e-300));
    if (space.solved() && space.estimate(galerkin_, rest) <= error) return rest;
    while (space.solved() && !space.full()) {
      space.extend(per_s);
      ++systems_;
      const bool look = space.functions() % kFunctionsPerTry == 0 || space.full();
      if (look && space.solved() && space.estimate(galerkin_, longest) <= error) return longest;
    }
    return space.solved() ? length(space, 0.7 * longest, error, 1e-2 * longest) : 0.0;
  }

  const Problem& problem_;
  double time_s_;
  const std::vector<Index>& interest_;
  const ImplicitOptions& options_;
  double aim_;
  TimeGalerkin galerkin_;
  double growth_ = kGrowth;
  long long systems_ = 0;
  int steps_ = 0;
};

double allowed_error(const Vector& value, const std::vector<Index>& interest, const ImplicitOptions& options) {
  double allowed = HUGE_VAL;
  for (const Index i : interest) {
    allowed = std::min(allowed, std::max(options.absolute_tolerance, options.relative_tolerance * std::abs(value(i))));
  }
  return allowed;
}

/// The first ticks, and the rest in steps.
SeriesSum solve(const Problem& problem, const Vector& first_term, bool at_time, double time_s,
                const std::vector<Index>& interest, const ImplicitOptions& options) {
  const PartialChain& part = problem.part;
  const double rate = tick_rate(part);
  const double ticks = std::min(rate * time_s, kFirstTicks);
  std::vector<Index> everywhere(static_cast<std::size_t>(part.states()));
  for (Index k = 0; k < part.states(); ++k) everywhere[static_cast<std::size_t>(k)] = k;
  const double unit = at_time ? 1.0 : rate;
  SeriesSum result = sum_series(part, first_term,
                                at_time ? SeriesWeights::at_time(ticks) : SeriesWeights::until_time(ticks), everywhere,
                                {.absolute_tolerance = 1e-3 * options.absolute_tolerance * unit,
                                 .relative_tolerance = 1e-3 * options.relative_tolerance});
  Progress progress{.time_s = ticks == kFirstTicks ? ticks / rate : time_s,
                    .value = 0.5 * (result.lower + result.upper) / unit};
  progress.error = 0.5 * (result.upper - result.lower).maxCoeff() / unit +
                   4.0 * kUnitRoundoff * progress.value.lpNorm<Eigen::Infinity>();
  result.method_requested = result.method_used = Method::kImplicit;
  result.iterations = 0;
  const Progress first = progress;
  for (const double aim : {kFirstAim, kAttainable}) {
    progress = first;
    ImplicitSteps steps(problem, time_s, interest, options, aim);
    const bool arrived = steps.run(progress);
    result.iterations += steps.systems();
    result.message = fmt::format("{} implicit steps, {} linear systems", steps.steps(), steps.systems());
    if (!arrived) progress.error = HUGE_VAL;
    result.lower = progress.value.array() - progress.error;
    result.upper = progress.value.array() + progress.error;
    result.error_bound = progress.error;
    const bool enough = progress.error <= allowed_error(progress.value, interest, options);
    result.termination = enough ? Termination::kConverged : Termination::kIterationLimit;
    if (enough || !arrived) break;
  }
  return result;
}

}  // namespace

SeriesSum value_by_implicit_steps(const PartialChain& part, const Vector& reward, double time_s,
                                  const std::vector<Index>& interest, const ImplicitOptions& options) {
  return solve({part, {}, {}}, reward, true, time_s, interest, options);
}

SeriesSum passage_by_implicit_steps(const PartialChain& part, const StateSet& target, double time_s,
                                    const std::vector<Index>& interest, const ImplicitOptions& options) {
  Vector arriving_per_s = Vector::Zero(part.states());
  for (Index k = 0; k < part.states(); ++k) {
    for (const auto [to, rate] : part.whole().outgoing().row(part.member(k))) {
      if (target[static_cast<std::size_t>(to)]) arriving_per_s(k) += rate;
    }
  }
  return solve({part, target, {}}, arriving_per_s, false, time_s, interest, options);
}

SeriesSum integral_by_implicit_steps(const PartialChain& part, const Vector& reward_per_s, double time_s,
                                     const std::vector<Index>& interest, const ImplicitOptions& options) {
  return solve({part, {}, reward_per_s}, reward_per_s, false, time_s, interest, options);
}

}  // namespace windtunnel::solvers
