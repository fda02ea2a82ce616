// SPDX-License-Identifier: Apache-2.0
#include "solvers/long_run/certified_average.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "solvers/chain/state_order.h"
#include "solvers/linear/bias_sweeps.h"
#include "solvers/linear/gauss_seidel.h"

namespace windtunnel::solvers {
namespace {

Interval intersection(const Interval& a, const Interval& b) {
  return {std::max(a.lower, b.lower), std::min(a.upper, b.upper)};
}

double allowed_error(const CertifiedAverageOptions& options, const Interval& bounds) {
  const double size = std::min(std::abs(bounds.lower), std::abs(bounds.upper));
  return std::max(options.absolute_tolerance, options.relative_tolerance * size);
}

// More transitions than that are not copied: 1 GB for both directions.
constexpr Index kMaxReordered = 40'000'000;
// Mixing makes of so many sweeps about a tenth, of more often nothing.
constexpr double kMaxSweepsToMix = 600.0;
// There sweeps go on where a copy of the chain in the other direction, which all else needs, would cost as much memory
// again.
constexpr double kPatienceUnordered = 5.0;
// Errors of this share of the largest reward are the least that refined sweeps prove: what is tiny itself, and wanted
// relative to itself, needs a reduction.
constexpr double kLeastSweptError = 1e-20;
// Sweeps that converge fast give two digits more than asked for, at a few pairs each; in the given order what is asked.
constexpr double kSweptRatio = 0.01;
constexpr double kSweptRatioUnordered = 0.5;
// Sweep pairs after which the likeliest state is among those that matter.
constexpr int kPairsForMode = 6;

/// About the time spent in each state: enough to tell the likely states from the others.
Vector crude_weight(const PartialChain& part) {
  const SparseRates incoming = transposed(part.rates());
  const Vector reciprocal = part.exit_per_s().cwiseInverse();
  Vector x = reciprocal / reciprocal.sum();
  for (int k = 0; k < kPairsForMode; ++k) {
    sweep_both_ways(
        incoming, reciprocal, [](Index) { return 0.0; }, 1e-290, x);
    x /= x.sum();
  }
  return x;
}

/// States of the part by their distance to a likely one: repair, service and the like lead there.
std::vector<Index> order_to_mode(const PartialChain& part, const Vector& weight) {
  Index mode = 0;
  weight.maxCoeff(&mode);
  return order_towards(transposed(part.rates()), {mode});
}

std::vector<Index> members_of(const PartialChain& part, std::vector<Index> states) {
  for (Index& state : states) state = part.member(state);
  return states;
}

/// A second proof: a state reduction never subtracts, so that each of its probabilities, however small, is known
/// relative to itself.
Interval without_subtraction(const Vector& reward, const DirectCorrection& reduction) {
  const Vector& pi = reduction.stationary();
  const double size = pi.dot(reward.cwiseAbs());
  const double roundings = static_cast<double>(pi.size() + 4) * 0x1p-53;
  // Probabilities below 1e-308 came out as 0.
  const double underflow = 1e-307 * static_cast<double>(pi.size()) * reward.lpNorm<Eigen::Infinity>();
  const double error = 1.01 * (reduction.stationary_error_ratio() + roundings) * size + underflow;
  const double middle = pi.dot(reward);
  return {std::nextafter(middle - error, -HUGE_VAL), std::nextafter(middle + error, HUGE_VAL)};
}

/// What one part of the chain in one order has to offer.
class AverageProblem {
 public:
  AverageProblem(const Vector& reward, const CertifiedAverageOptions& options, CertifiedAverage& result)
      : reward_(reward), options_(options), result_(result) {}

  bool solve(const PartialChain& part, Method method, double pair_strength = 0.0) {
    BackwardSolver solver(part, {.method = method,
                                 .max_iterations = options_.max_iterations,
                                 .predicted_sweeps = predicted_sweeps_,
                                 .pair_strength = pair_strength});
    const Vector own = part.part_of(reward_);
    const auto proven = [&](const Residuals& left) {
      // What the factors prove, before another method takes their place.
      if (solver.reduction() != nullptr && solver.reduction()->stationary().size() > 0) {
        result_.bounds = intersection(result_.bounds, without_subtraction(own, *solver.reduction()));
      }
      return tight(left);
    };
    const bool done = solver.solve(reward_, target(), proven, result_.bias);
    result_.method_used = solver.method_used();
    result_.iterations += solver.iterations();
    return done;
  }

  /// By sweeps in the order towards the mode, as long as they converge fast; else by what works without, in the order
  /// of the model, which is the best where it is one, and then in that towards the mode.
  bool solve_large(const PartialChain& part) {
    if (part.rates().size() > kMaxReordered) {
      const Vector weight = part.exit_per_s().cwiseInverse();
      return sweep_pairs(part, weight, SweepDirection::kDescending, kPatienceUnordered) ||
             sweep_pairs(part, weight, SweepDirection::kBoth, kPatienceUnordered) || solve(part, Method::kAutomatic);
    }
    const Vector weight = crude_weight(part);
    const std::vector<Index> order = order_to_mode(part, weight);
    std::optional<PartialChain> ordered(std::in_place, part.whole(), members_of(part, order));
    Vector in_whole = Vector::Zero(part.whole().states());
    for (Index k = 0; k < part.states(); ++k) in_whole(part.member(k)) = weight(k);
    if (sweep_pairs(*ordered, ordered->part_of(in_whole), SweepDirection::kAscending) || mix_sweeps(*ordered)) {
      return true;
    }
    if (!scattered(part.rates(), order)) {
      ordered.reset();
      if (solve(part, Method::kAutomatic)) return true;
      ordered.emplace(part.whole(), members_of(part, order));
    }
    return solve(*ordered, Method::kAutomatic, kStrongPairs);
  }

 private:
  bool sweep_pairs(const PartialChain& ordered, const Vector& weight, SweepDirection direction, double patience = 1.0) {
    BiasSweeps sweeps(ordered, weight, direction, patience);
    result_.method_used = Method::kGaussSeidel;
    Vector reward = ordered.part_of(reward_);
    for (int refinement = 0; refinement < kMaxRefinements; ++refinement) {
      // Later rewards are what is left: their average says nothing about the value.
      const double digits = patience > 1.0 ? kSweptRatioUnordered : kSweptRatio;
      const double ratio = refinement == 0 ? digits * options_.relative_tolerance : 0.0;
      const BiasSweeps::Outcome found = sweeps.solve(reward, {.span_per_s = target(), .ratio = ratio});
      result_.iterations += found.iterations;
      predicted_sweeps_ = found.predicted_pairs;
      const double before = result_.bounds.width();
      for (Index k = 0; k < ordered.states(); ++k) result_.bias.add(ordered.member(k), found.bias(k));
      const Residuals left = residuals_of(ordered, reward_, result_.bias);
      if (tight(left)) return true;
      if (found.gave_up) return false;
      if (!(result_.bounds.width() < 0.5 * before)) return false;
      reward = left.value;
    }
    return false;
  }

  bool mix_sweeps(const PartialChain& ordered) {
    if (predicted_sweeps_ > kMaxSweepsToMix) return false;
    BackwardSolver solver(
        ordered, {.method = Method::kGaussSeidel, .only_while_fast = true, .direction = SweepDirection::kAscending});
    const bool done = solver.solve(
        reward_, target(), [&](const Residuals& left) { return tight(left); }, result_.bias);
    result_.iterations += solver.iterations();
    return done;
  }

  static constexpr int kMaxRefinements = 4;

  bool is_tight() const { return result_.bounds.width() <= 2.0 * allowed_error(options_, result_.bounds); }
  bool tight(const Residuals& left) {
    result_.bounds = intersection(result_.bounds, {left.lowest(), left.highest()});
    return is_tight();
  }

  /// About the residual that will do: the value is not known yet, its scale is.
  double target() const {
    const double size = std::min(std::abs(result_.bounds.lower), std::abs(result_.bounds.upper));
    return std::max(options_.absolute_tolerance, options_.relative_tolerance * size);
  }

  const Vector& reward_;
  const CertifiedAverageOptions& options_;
  CertifiedAverage& result_;
  double predicted_sweeps_ = 0.0;
};

}  // namespace

CertifiedAverage solve_certified_average(const PartialChain& part, const Vector& reward,
                                         const CertifiedAverageOptions& options) {
  CertifiedAverage result;
  result.method_requested = options.method;
  result.bias = PreciseVector(Vector::Zero(part.whole().states()));
  const Vector own = part.part_of(reward);
  result.bounds = {own.minCoeff(), own.maxCoeff()};
  AverageProblem problem(reward, options, result);
  const bool factors = options.method == Method::kAutomatic && !reduction_is_cheap(part.rates()) &&
                       options.absolute_tolerance < kLeastSweptError * own.cwiseAbs().maxCoeff();
  const bool iterative = options.method == Method::kAutomatic && !factors && !reduction_is_cheap(part.rates());
  const bool done =
      result.bounds.width() == 0.0 ||
      (iterative ? problem.solve_large(part) : problem.solve(part, factors ? Method::kSparseGth : options.method));
  result.value = 0.5 * (result.bounds.lower + result.bounds.upper);
  result.error_bound = std::nextafter(0.5 * result.bounds.width(), HUGE_VAL);
  result.termination = done ? Termination::kConverged : Termination::kIterationLimit;
  result.message = fmt::format("between {:.17g} and {:.17g}", result.bounds.lower, result.bounds.upper);
  return result;
}

}  // namespace windtunnel::solvers
