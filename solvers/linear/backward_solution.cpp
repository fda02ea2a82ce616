// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/backward_solution.h"

#include <algorithm>
#include <cmath>

#include "solvers/linear/correction_iteration.h"
#include "solvers/linear/flow_solution.h"

namespace windtunnel::solvers {
namespace {

// Corrections between two residuals in full precision; a correction has no more than eleven digits to give.
constexpr int kIterationsPerRun = 60;
constexpr int kIterationsPerCheck = 5;
constexpr double kReductionPerRun = 1e-11;
// Mixing makes of so many sweeps about a tenth, of more often nothing.
constexpr double kMaxSweepsToMix = 600.0;
// Ways of Anderson mixing: five steps pay for their vectors, more do not.
constexpr int kMixingDepth = 5;
// Runs that do not halve the residual before the next way is tried. What cycles leave in states of next to no weight,
// which their aggregates cannot see, sweeps take away.
constexpr int kPatience = 3;
constexpr double kWorthwhileCycles = 0.1;
// Where nothing else is left: as many steps of mixing as fit so many numbers, as long as a run takes a tenth away, with
// weights that tell the aggregates more.
constexpr double kMostMixed = 5e7;
constexpr int kDeepMixing = 25;
constexpr double kLeastProgress = 0.9;
constexpr double kCarefulWeightTolerance = 1e-6;
// Sweeps first run into the residual they push through the chain: so much growth is no failure.
constexpr double kToleratedGrowth = 5.0;
// Of the weights, relative: aggregates need no more.
constexpr double kWeightTolerance = 1e-3;
constexpr long long kWeightIterations = 400;
// Sweep pairs after which the likeliest state is among those that matter.
constexpr long long kSweepsForMode = 5;
// Weights are > 0; below it they underflowed.
constexpr double kLeastWeight = 1e-300;

Vector time_spent(const PartialChain& part, const FlowOptions& options) {
  const SparseRates incoming = transposed(part.rates());
  const Vector source = part.closed() ? Vector() : Vector::Ones(part.states());
  const FlowSystem system{incoming, part.exit_per_s(), part.leaving_per_s(), source};
  return solve_flow(system, options).x;
}

/// Steps of mixing, two vectors each.
int deep_mixing(Index states) {
  return std::clamp(static_cast<int>(kMostMixed / (2.0 * static_cast<double>(states))), kMixingDepth, kDeepMixing);
}

/// Iterations still needed at the speed of the second half of the run.
double predicted(const CorrectionOutcome& run, double wanted) {
  const std::size_t checks = run.reductions.size();
  if (checks < 2) return run.reductions.empty() ? HUGE_VAL : 0.0;
  const std::size_t middle = (checks - 1) / 2;
  const double decay = std::log(run.reductions[middle] / run.reductions.back()) /
                       (static_cast<double>(checks - 1 - middle) * kIterationsPerCheck);
  if (run.reductions.back() <= wanted) return 0.0;
  return decay > 0.0 ? std::log(run.reductions.back() / wanted) / decay : HUGE_VAL;
}

}  // namespace

Residuals residuals_of(const PartialChain& part, const Vector& reward, const PreciseVector& h) {
  Residuals result{Vector(part.states()), Vector(part.states())};
  for (Index k = 0; k < part.states(); ++k) {
    const Index state = part.member(k);
    const Enclosure drift = drift_at(part.whole().outgoing().row(state), state, reward(state), h);
    result.value(k) = drift.value;
    result.error(k) = std::nextafter(drift.error, HUGE_VAL);
  }
  return result;
}

BackwardSolver::BackwardSolver(const PartialChain& part, const BackwardOptions& options, Vector weight)
    : part_(part), options_(options), weight_(std::move(weight)) {
  const Stage swept{Method::kGaussSeidel, 0, 120.0};
  const Stage mixed{Method::kGaussSeidel, kMixingDepth, 80.0};
  const Stage levels{Method::kMultilevel, kMixingDepth, 400.0, 0.5, options.pair_strength};
  const Stage factors{Method::kSparseGth, 0, HUGE_VAL};
  const Stage deep{Method::kMultilevel, deep_mixing(part.states()), HUGE_VAL, kLeastProgress, kStrongPairs};
  const Stage patient{Method::kGaussSeidel, 0, HUGE_VAL};
  switch (options.method) {
    case Method::kGth:
    case Method::kBandedGth:
      stages_ = {{Method::kGth, 0, HUGE_VAL}, patient};
      break;
    case Method::kSparseGth:
      stages_ = {factors, patient};
      break;
    case Method::kGaussSeidel:
      stages_ = {mixed, patient};
      if (options.only_while_fast) stages_.pop_back();
      break;
    case Method::kMultilevel:
      stages_ = {levels, {Method::kMultilevel, 0, HUGE_VAL}};
      break;
    default:
      stages_ = {swept, mixed, levels, swept, factors, deep, patient};
      if (options.predicted_sweeps > kMaxSweepsToMix) stages_.erase(stages_.begin() + 1);
      if (options.predicted_sweeps > 0.0) stages_.erase(stages_.begin());
      if (reduction_is_cheap(part.rates())) stages_.insert(stages_.begin(), {Method::kGth, 0, HUGE_VAL});
  }
  prepare();
}

void BackwardSolver::prepare() {
  const bool projects = part_.closed() && stage().method == Method::kGaussSeidel && stage().mixing_depth == 0;
  const bool cycles = stage().method == Method::kMultilevel;
  // Pairs by flow deserve flows that are right.
  const bool careful = cycles && stage().pair_strength > 0.0;
  const bool again = careful && stage_ > 0;
  if (again || (weight_.size() == 0 && (projects || cycles))) {
    weight_ = time_spent(part_, {.tolerance = careful ? kCarefulWeightTolerance : kWeightTolerance,
                                 .max_iterations = kWeightIterations,
                                 .cycles_after_sweeps = careful,
                                 .pair_strength = stage().pair_strength});
  }
  switch (stage().method) {
    case Method::kGth:
    case Method::kSparseGth: {
      auto reduction = factorised();
      if (!reduction || !reduction->usable()) {
        next_stage();
        break;
      }
      // Without them a correction would push the whole of its constant into the one state whose value it keeps.
      if (reduction->stationary().size() > 0) weight_ = reduction->stationary().cwiseMax(kLeastWeight);
      correction_ = std::move(reduction);
      break;
    }
    case Method::kMultilevel:
      correction_ = std::make_unique<MultilevelCorrection>(part_.rates(), part_.exit_per_s(), part_.leaving_per_s(),
                                                           weight_, part_.closed(), stage().pair_strength);
      break;
    default:
      correction_ = std::make_unique<SweepCorrection>(part_.rates(), part_.exit_per_s(), options_.direction);
  }
}

/// Null where the factors would be too many.
std::unique_ptr<DirectCorrection> BackwardSolver::factorised() {
  if (stage().method == Method::kGth) {
    return std::make_unique<ReductionCorrection>(part_.rates(), part_.leaving_per_s(), part_.closed());
  }
  Index likely = -1;
  if (part_.closed()) {
    if (weight_.size() == 0)
      weight_ = time_spent(part_, {.tolerance = kWeightTolerance, .max_iterations = kSweepsForMode});
    weight_.maxCoeff(&likely);
  }
  ReductionPattern pattern(part_.rates(), likely);
  if (!pattern.affordable()) return nullptr;
  return std::make_unique<SparseReductionCorrection>(part_.rates(), part_.leaving_per_s(), std::move(pattern),
                                                     part_.closed());
}

bool BackwardSolver::next_stage() {
  if (stage_ + 1 == stages_.size()) return false;
  const bool rebuild = stages_[stage_ + 1].method != stage().method || weight_.size() == 0;
  ++stage_;
  if (rebuild) prepare();
  return true;
}

Vector BackwardSolver::correction_of(const Vector& residual, double target_per_s, bool& fruitless) {
  Vector wanted = residual;
  if (part_.closed() && weight_.size() > 0) wanted.array() -= weight_.dot(residual) / weight_.sum();
  const bool direct = this->direct();
  CorrectionOutcome run = repeat_correction(part_, *correction_, wanted,
                                            {.max_iterations = direct ? 1 : kIterationsPerRun,
                                             .iterations_per_check = direct ? 1 : kIterationsPerCheck,
                                             .mixing_depth = stage().mixing_depth,
                                             .reduction = kReductionPerRun,
                                             .target_per_s = 0.25 * target_per_s});
  iterations_ += run.iterations;
  const double size = wanted.cwiseAbs().maxCoeff();
  const bool grown = run.reductions.empty() || run.reductions.back() > kToleratedGrowth;
  fruitless = !direct && (grown || predicted(run, 0.25 * target_per_s / size) > stage().max_predicted);
  return grown && !direct ? Vector::Zero(residual.size()) : run.d;
}

bool BackwardSolver::solve(const Vector& reward, double target_per_s,
                           const std::function<bool(const Residuals&)>& good_enough, PreciseVector& h) {
  double before = HUGE_VAL;
  int stalls = 0;
  bool polished = false;
  while (true) {
    const Residuals left = residuals_of(part_, reward, h);
    const bool enough = good_enough(left);
    // With the factors at hand one more correction costs next to nothing and gives all digits there are.
    if (enough && (polished || !direct())) return true;
    polished = enough;
    const double size = part_.closed() ? left.highest() - left.lowest() : left.value.lpNorm<Eigen::Infinity>();
    if (!std::isfinite(size) || iterations_ >= options_.max_iterations) return false;
    stalls = size > stage().progress * before ? stalls + 1 : 0;
    const bool poor_cycles =
        stage().method == Method::kMultilevel && stage().max_predicted < HUGE_VAL && size > kWorthwhileCycles * before;
    before = std::min(before, size);
    if (stalls >= kPatience || poor_cycles) {
      if (!next_stage()) return false;
      stalls = 0;
    }
    bool fruitless = false;
    const Vector d = correction_of(left.value, target_per_s, fruitless);
    for (Index k = 0; k < part_.states(); ++k) h.add(part_.member(k), d(k));
    if (!fruitless) continue;
    if (options_.only_while_fast) return good_enough(residuals_of(part_, reward, h));
    if (next_stage()) stalls = 0;
  }
}

}  // namespace windtunnel::solvers
