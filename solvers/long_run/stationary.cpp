// SPDX-License-Identifier: Apache-2.0
#include "solvers/long_run/stationary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "solvers/chain/communicating_classes.h"
#include "solvers/linear/gauss_seidel.h"
#include "solvers/linear/method_choice.h"
#include "solvers/linear/multilevel.h"
#include "solvers/linear/state_reduction.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

// Sweeps between two looks at the residual, which costs about a quarter of a sweep pair.
constexpr int kSweepsPerResidual = 5;
// Sweeps that show the first aggregates where mass flows.
constexpr int kSweepsBeforeAggregation = 5;
// Cycles in which the residual must halve once; sweeps alone take over otherwise. Slow chains seen so far took 10.
constexpr long long kPatience = 60;
// A probability below this stays at it until the end: still a normal number after a multiplication by a small rate.
constexpr double kProbabilityFloor = 1e-290;

void require_irreducible(const Generator& q) {
  const CommunicatingClasses classes = communicating_classes(q);
  if (classes.irreducible()) return;
  const Index trap = classes.bottom.front();
  Index outside = 0;
  while (classes.class_of[static_cast<std::size_t>(outside)] == trap) ++outside;
  throw ChainError(fmt::format(
      "the chain is not irreducible: state {} cannot be reached from state {} ({} communicating classes, {} of them "
      "bottom)",
      outside, classes.members[static_cast<std::size_t>(trap)].front(), classes.count(), classes.bottom.size()));
}

void solve_by_reduction(const Generator& q, StationarySolution& solution) {
  const StateReduction reduction(q.outgoing(), Vector::Zero(q.states()), storage_of(solution.method_used));
  if (const auto stuck = reduction.stuck_state()) {
    solution.termination = Termination::kNumericalFailure;
    solution.message = fmt::format("the rate from state {} to the states before it underflowed", *stuck);
    return;
  }
  solution.probability = reduction.stationary();
  solution.residual_per_s = net_flow_per_s(q, solution.probability).lpNorm<Eigen::Infinity>();
  solution.error_bound = reduction.relative_error_bound();
  solution.termination = Termination::kConverged;
  solution.message = "state reduction is exact up to rounding";
}

/// Scales x to sum 1 and returns max_i |inflow_i - outflow_i|.
double normalise(const Generator& q, const SparseRates& incoming, Vector& x) {
  x /= x.sum();
  double residual = 0.0;
  for (Index i = 0; i < x.size(); ++i) {
    const double error = std::abs(gathered(incoming.row(i), x.data()) - x(i) * q.exit_rate(i));
    if (!(error <= residual)) residual = error;  // also when it is not a number
  }
  return residual;
}

/// An iteration under way: x of the solution, and what it takes to improve and judge it.
class Iteration {
 public:
  Iteration(const Generator& q, const StationaryOptions& options, StationarySolution& solution)
      : q_(q),
        options_(options),
        incoming_(q.incoming()),
        reciprocal_(q.exit_rates().cwiseInverse()),
        solution_(solution),
        x_(solution.probability) {
    x_ = Vector::Constant(q.states(), 1.0 / static_cast<double>(q.states()));
    judge();
  }

  void sweep(int times) {
    for (int k = 0; k < times; ++k) {
      sweep_both_ways(
          incoming_, reciprocal_, [](Index) { return 0.0; }, kProbabilityFloor, x_);
    }
  }

  void solve_by_sweeps() {
    while (!finished()) {
      const auto left = options_.max_iterations - solution_.iterations;
      const int sweeps = static_cast<int>(std::min<long long>(kSweepsPerResidual, left));
      sweep(sweeps);
      solution_.iterations += sweeps;
      judge();
    }
  }

  /// Returns with the iteration unfinished when the cycles stall.
  void solve_by_cycles() {
    sweep(kSweepsBeforeAggregation);
    AggregationHierarchy hierarchy(incoming_, x_);
    double milestone = solution_.residual_per_s;
    long long since = 0;
    while (!finished() && since < kPatience) {
      hierarchy.cycle(x_);
      ++solution_.iterations;
      judge();
      since = solution_.residual_per_s <= 0.5 * milestone ? 0 : since + 1;
      if (since == 0) milestone = solution_.residual_per_s;
    }
  }

  bool finished() const {
    return solution_.termination != Termination::kNotCalled || solution_.iterations >= options_.max_iterations;
  }

 private:
  void judge() {
    solution_.residual_per_s = normalise(q_, incoming_, x_);
    if (!std::isfinite(solution_.residual_per_s)) solution_.termination = Termination::kNumericalFailure;
    if (solution_.residual_ratio() <= options_.tolerance) solution_.termination = Termination::kConverged;
  }

  const Generator& q_;
  const StationaryOptions& options_;
  const SparseRates incoming_;
  const Vector reciprocal_;
  StationarySolution& solution_;
  Vector& x_;
};

void solve_by_iteration(const Generator& q, const StationaryOptions& options, StationarySolution& solution) {
  Iteration iteration(q, options, solution);
  if (solution.method_used == Method::kMultilevel) iteration.solve_by_cycles();
  if (!iteration.finished()) {
    solution.method_used = Method::kGaussSeidel;
    iteration.solve_by_sweeps();
  }
  if (solution.termination == Termination::kNotCalled) solution.termination = Termination::kIterationLimit;
  solution.message = fmt::format("residual {:.2g} of the largest exit rate after {} iterations, {:.2g} wanted",
                                 solution.residual_ratio(), solution.iterations, options.tolerance);
}

}  // namespace

double StationarySolution::residual_ratio() const {
  return max_exit_rate_per_s > 0.0 ? residual_per_s / max_exit_rate_per_s : residual_per_s;
}

StationarySolution solve_stationary(const Generator& q, const StationaryOptions& options) {
  check_sweep_options(options.tolerance, options.max_iterations);
  require_irreducible(q);
  StationarySolution solution;
  solution.method_requested = options.method;
  solution.method_used = choose_method(q.outgoing(), options.method, Method::kMultilevel);
  solution.max_exit_rate_per_s = q.max_exit_rate();
  if (q.states() == 1) solution.method_used = Method::kGth;  // the one state has no rates to sweep over
  if (solution.method_used == Method::kGth || solution.method_used == Method::kBandedGth) {
    solve_by_reduction(q, solution);
  } else {
    solve_by_iteration(q, options, solution);
  }
  return solution;
}

}  // namespace windtunnel::solvers
