// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/flow_solution.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "solvers/linear/anderson.h"
#include "solvers/linear/gauss_seidel.h"

namespace windtunnel::solvers {
namespace {

constexpr double kFloor = 1e-290;
constexpr int kFlowPairsPerCheck = 5;
// A cycle costs about three sweep pairs and a hierarchy ten; cycles rarely need more than thirty.
constexpr double kMaxPredictedFlowPairs = 100.0;
constexpr int kAndersonDepth = 5;

Vector first_guess(const FlowSystem& system) {
  Vector x = system.exit_per_s.cwiseInverse();
  return system.closed() ? (x / x.sum()).eval() : x;
}

void normalise(const FlowSystem& system, Vector& x) {
  if (system.closed()) x /= x.sum();
}

double relative_change(const Vector& before, const Vector& after) {
  return (after - before).lpNorm<1>() / after.lpNorm<1>();
}

bool finished(const FlowOptions& options, const FlowSolution& solution) {
  return solution.change <= options.tolerance || solution.iterations >= options.max_iterations ||
         !std::isfinite(solution.change);
}

/// Sweeps until done or until they are predicted to take too long; true when done.
bool sweep(const FlowSystem& system, const FlowOptions& options, FlowSolution& solution) {
  solution.method_used = Method::kGaussSeidel;
  const Vector reciprocal = system.exit_per_s.cwiseInverse();
  const auto constant = [&](Index i) { return system.closed() ? 0.0 : system.source(i); };
  double earlier = HUGE_VAL;
  while (!finished(options, solution)) {
    for (int k = 1; k < kFlowPairsPerCheck; ++k)
      sweep_both_ways(system.incoming, reciprocal, constant, kFloor, solution.x);
    normalise(system, solution.x);
    const Vector before = solution.x;
    sweep_both_ways(system.incoming, reciprocal, constant, kFloor, solution.x);
    normalise(system, solution.x);
    solution.iterations += kFlowPairsPerCheck;
    solution.change = relative_change(before, solution.x);
    const double decay = std::log(earlier / solution.change) / kFlowPairsPerCheck;
    const double predicted = std::log(solution.change / options.tolerance) / decay;
    const bool slow = std::isfinite(earlier) && !(decay > 0.0 && predicted <= kMaxPredictedFlowPairs);
    const bool may_stop = options.method == Method::kAutomatic || options.only_while_fast;
    if (slow && may_stop && solution.iterations >= 4 * kFlowPairsPerCheck) return false;
    earlier = solution.change;
  }
  return true;
}

void cycle(const FlowSystem& system, const FlowOptions& options, FlowSolution& solution) {
  solution.method_used = Method::kMultilevel;
  solution.change = 1.0;
  std::optional<MultilevelFlow> levels(std::in_place, system, solution.x, options.pair_strength);
  AndersonMixing mixing(kAndersonDepth);
  double earlier = HUGE_VAL;
  for (int k = 1; !finished(options, solution); ++k) {
    if ((k == 5 && solution.change > 1e-2) ||
        (k == 15 && solution.change > 1e-6)) {  // better weights, better aggregates
      levels.emplace(system, solution.x, options.pair_strength);
      mixing.restart();
    }
    Vector image = solution.x;
    levels->cycle(image);
    normalise(system, image);
    ++solution.iterations;
    solution.change = relative_change(solution.x, image);
    if (solution.change > 2.0 * earlier) mixing.restart();
    earlier = solution.change;
    Vector mixed = mixing.extrapolate(solution.x, image);
    const bool positive = mixed.minCoeff() > 0.0;
    if (!positive) {  // extrapolated too far: keep the smaller entries of the cycle's own image
      for (Index i = 0; i < mixed.size(); ++i) mixed(i) = mixed(i) > 0.0 ? mixed(i) : image(i);
    }
    solution.x = std::move(mixed);
    normalise(system, solution.x);
  }
}

}  // namespace

FlowSolution solve_flow(const FlowSystem& system, const FlowOptions& options) {
  FlowSolution solution;
  solution.method_requested = options.method;
  solution.x = first_guess(system);
  const bool done = options.method != Method::kMultilevel && sweep(system, options, solution);
  const bool trusted = done && !options.cycles_after_sweeps;
  if (!trusted && options.method != Method::kGaussSeidel) cycle(system, options, solution);
  const bool converged = solution.change <= options.tolerance;
  solution.termination = converged ? Termination::kConverged : Termination::kIterationLimit;
  if (!std::isfinite(solution.change)) solution.termination = Termination::kNumericalFailure;
  solution.message = fmt::format("the last of {} iterations changed the solution by {:.2g}, {:.2g} wanted",
                                 solution.iterations, solution.change, options.tolerance);
  return solution;
}

}  // namespace windtunnel::solvers
