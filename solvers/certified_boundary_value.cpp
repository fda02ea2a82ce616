// SPDX-License-Identifier: Apache-2.0
#include "solvers/certified_boundary_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "solvers/communicating_classes.h"

namespace windtunnel::solvers {
namespace {

/// Lower bound on (A w)_k = 1 - drift_k of w with reward 1, for each state of the part.
Vector decrease(const Residuals& drifts) {
  return (1.0 - drifts.value.array() - drifts.error.array()) * (1.0 - 0x1p-50);
}

/// w > 0 with A w > 1/2; empty when the solver does not get there.
PreciseVector exit_time(const PartialChain& part, BackwardSolver& solver, Vector& decrease_of_w) {
  const Vector ones = Vector::Ones(part.whole().states());
  PreciseVector w(Vector::Zero(part.whole().states()));
  const auto proven = [&](const Residuals& left) {
    for (Index k = 0; k < part.states(); ++k) {
      if (!(w.high(part.member(k)) > 0.0)) return false;
    }
    decrease_of_w = decrease(left);
    return decrease_of_w.minCoeff() >= 0.5;
  };
  if (!solver.solve(ones, 0.4, proven, w)) return {};
  return w;
}

double max_ratio(const Residuals& left, const Vector& decrease_of_w) {
  double ratio = 0.0;
  for (Index k = 0; k < left.value.size(); ++k) {
    const double here = (std::abs(left.value(k)) + left.error(k)) / decrease_of_w(k);
    if (!(here <= ratio)) ratio = here;  // also when it is not a number
  }
  return ratio * (1.0 + 0x1p-50);
}

double allowed_ratio(const BoundaryValueOptions& options, const std::vector<Index>& interest, const PreciseVector& h,
                     const PreciseVector& w) {
  double ratio = HUGE_VAL;
  for (const Index state : interest) {
    const double error = std::max(options.absolute_tolerance, options.relative_tolerance * std::abs(h.high(state)));
    ratio = std::min(ratio, error / w.high(state));
  }
  return ratio;
}

/// By communicating class: transitions lead to lower classes, so that one ascending sweep solves an acyclic chain.
std::vector<Index> in_order_of_classes(const Generator& q, std::vector<Index> states) {
  const std::vector<Index> class_of = communicating_classes(q).class_of;
  const auto own = [&](Index state) { return class_of[static_cast<std::size_t>(state)]; };
  std::stable_sort(states.begin(), states.end(), [&](Index a, Index b) { return own(a) < own(b); });
  return states;
}

}  // namespace

BoundaryValue solve_boundary_value(const Generator& q, const std::vector<Index>& inside,
                                   const std::vector<Index>& interest, const Vector& reward, Vector h,
                                   const BoundaryValueOptions& options) {
  BoundaryValue result;
  result.method_requested = options.method;
  result.h = PreciseVector(std::move(h));
  result.termination = Termination::kConverged;
  result.method_used = Method::kGraph;
  result.message = "the graph of the chain settles every state";
  result.error_bound = 0.0;
  if (inside.empty() || interest.empty()) return result;

  const PartialChain part(q, in_order_of_classes(q, inside));
  BackwardSolver solver(part, {.method = options.method, .max_iterations = options.max_iterations});
  Vector decrease_of_w;
  const PreciseVector w = exit_time(part, solver, decrease_of_w);
  bool done = w.high.size() > 0;
  if (done) {
    const auto proven = [&](const Residuals& left) {
      result.ratio = max_ratio(left, decrease_of_w);
      return result.ratio <= allowed_ratio(options, interest, result.h, w);
    };
    done = solver.solve(reward, 0.5 * allowed_ratio(options, interest, result.h, w), proven, result.h);
    // Rounded up by more than the low parts can hold.
    result.exit_time_s = w.high * (1.0 + 0x1p-50);
    double worst = 0.0;
    for (const Index state : interest) worst = std::max(worst, result.exit_time_s(state) * result.ratio);
    result.error_bound = worst;
  } else {
    result.error_bound.reset();
    result.ratio = HUGE_VAL;
  }
  result.method_used = solver.method_used();
  result.iterations = solver.iterations();
  result.termination = done ? Termination::kConverged : Termination::kIterationLimit;
  result.message =
      fmt::format("error at most {:.3g} after {} iterations", result.error_bound.value_or(HUGE_VAL), result.iterations);
  return result;
}

}  // namespace windtunnel::solvers
