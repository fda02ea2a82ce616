// SPDX-License-Identifier: Apache-2.0
#include "solvers/passage/certified_boundary_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "solvers/chain/communicating_classes.h"
#include "solvers/chain/state_order.h"

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

// A state reduction beyond them proves fewer digits than iterative refinement.
constexpr Index kMaxDirectStates = 1'000;
constexpr long long kRefinementsAfterDirect = 12;

/// h of the part by state reduction, and the bound on its relative error; left empty where that is dear or subtracts.
void solve_directly(const PartialChain& part, const Vector& reward, BoundaryValue& result) {
  if (part.states() > kMaxDirectStates && !reduction_is_cheap(part.rates())) return;
  Vector cost = part.part_of(reward);
  for (Index k = 0; k < part.states(); ++k) {
    if (!(part.leaving_per_s()(k) > 0.0)) continue;
    // Members have h = 0, the guess.
    for (const auto [to, rate] : part.whole().outgoing().row(part.member(k))) cost(k) += rate * result.h.high(to);
  }
  if (cost.minCoeff() < 0.0) return;
  const StateReduction reduction(part.rates(), part.leaving_per_s());
  if (reduction.stuck_state()) return;
  const Vector h = reduction.cost_until_killed(cost);
  if (!h.allFinite()) return;
  result.direct = result.h.high;
  for (Index k = 0; k < part.states(); ++k) result.direct(part.member(k)) = h(k);
  // Costs and leaving rates are sums with one rounding per transition; each counts as an operand of every step.
  const double sums = 4.0 * static_cast<double>(part.states() * (longest_row(part.whole().outgoing()) + 2)) * 0x1p-53;
  result.direct_error_ratio = 1.01 * (reduction.relative_error_bound() + sums);
}

/// Whether the bounds are as close as asked for in every state of interest, and how far apart they are at worst.
void judge(const BoundaryValueOptions& options, const std::vector<Index>& interest, BoundaryValue& result) {
  double worst = 0.0;
  bool tight = true;
  for (const Index state : interest) {
    const Interval bounds = result.bounds(state);
    const double error = 0.5 * bounds.width();
    const double size = std::min(std::abs(bounds.lower), std::abs(bounds.upper));
    tight = tight && error <= 1.01 * std::max(options.absolute_tolerance, options.relative_tolerance * size);
    if (!(error <= worst)) worst = error;
  }
  result.error_bound = worst;
  if (!std::isfinite(worst)) result.error_bound.reset();
  result.termination = tight ? Termination::kConverged : Termination::kIterationLimit;
}

/// By communicating class: transitions lead to lower classes, so that one ascending sweep solves an acyclic chain.
std::vector<Index> in_order_of_classes(const Generator& q, std::vector<Index> states) {
  const std::vector<Index> class_of = communicating_classes(q).class_of;
  const auto own = [&](Index state) { return class_of[static_cast<std::size_t>(state)]; };
  std::stable_sort(states.begin(), states.end(), [&](Index a, Index b) { return own(a) < own(b); });
  return states;
}

/// Scattered states within their classes by the distance to a way out.
std::vector<Index> in_order_of_search(const Generator& q, std::vector<Index> states) {
  const PartialChain part(q, states);
  if (reduction_is_cheap(part.rates())) return states;
  std::vector<Index> goals;
  for (Index k = 0; k < part.states(); ++k) {
    if (part.leaving_per_s()(k) > 0.0) goals.push_back(k);
  }
  std::vector<Index> order = order_towards(transposed(part.rates()), goals);
  if (!scattered(part.rates(), order)) return states;
  for (Index& state : order) state = part.member(state);
  return in_order_of_classes(q, std::move(order));
}

}  // namespace

Interval BoundaryValue::bounds(Index i) const {
  Interval result{-HUGE_VAL, HUGE_VAL};
  if (exit_time_s.size() > 0) {
    const double error = ratio * exit_time_s(i) * (1.0 + 0x1p-50);
    // Half an ulp for the low part, which is not added.
    result.lower = std::nextafter(std::nextafter(h.high(i), -HUGE_VAL) - error, -HUGE_VAL);
    result.upper = std::nextafter(std::nextafter(h.high(i), HUGE_VAL) + error, HUGE_VAL);
  }
  if (direct.size() > 0) {
    // What underflowed on the way was rounded down to 0, or up to the least number there is.
    constexpr double kUnderflow = 1e-290;
    result.lower = std::max({result.lower, 0.0, direct(i) * (1.0 - direct_error_ratio) - kUnderflow});
    result.upper = std::min(result.upper, direct(i) * (1.0 + direct_error_ratio) + kUnderflow);
  }
  return result;
}

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

  const PartialChain part(q, in_order_of_search(q, in_order_of_classes(q, inside)));
  if (options.method == Method::kAutomatic || options.method == Method::kGth) solve_directly(part, reward, result);
  const bool direct = result.direct.size() > 0;
  BackwardSolver solver(part, {.method = direct ? Method::kGth : options.method,
                               .max_iterations = direct ? kRefinementsAfterDirect : options.max_iterations});
  Vector decrease_of_w;
  const PreciseVector w = exit_time(part, solver, decrease_of_w);
  if (w.high.size() > 0) {
    const auto proven = [&](const Residuals& left) {
      result.ratio = max_ratio(left, decrease_of_w);
      return result.ratio <= allowed_ratio(options, interest, result.h, w);
    };
    solver.solve(reward, 0.5 * allowed_ratio(options, interest, result.h, w), proven, result.h);
    // Rounded up by more than the low parts can hold.
    result.exit_time_s = w.high * (1.0 + 0x1p-50);
  } else {
    result.ratio = HUGE_VAL;
  }
  judge(options, interest, result);
  result.method_used = direct ? Method::kGth : solver.method_used();
  result.iterations = solver.iterations();
  result.message =
      fmt::format("error at most {:.3g} after {} iterations", result.error_bound.value_or(HUGE_VAL), result.iterations);
  return result;
}

}  // namespace windtunnel::solvers
