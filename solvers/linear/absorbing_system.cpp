// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/absorbing_system.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "solvers/linear/gauss_seidel.h"
#include "solvers/linear/method_choice.h"

namespace windtunnel::solvers {
namespace {

// Sweeps between two looks at the residual, which costs about half a sweep pair.
constexpr long long kSweepsPerCheck = 10;

SparseRates rates_among(const Generator& q, const std::vector<Index>& inside) {
  std::vector<std::int32_t> number(static_cast<std::size_t>(q.states()), -1);
  for (std::size_t k = 0; k < inside.size(); ++k) number[static_cast<std::size_t>(inside[k])] = static_cast<int>(k);
  SparseRates rates;
  for (const Index state : inside) {
    for (const auto [to, rate] : q.outgoing().row(state)) {
      const std::int32_t target = number[static_cast<std::size_t>(to)];
      if (target < 0) continue;
      rates.state.push_back(target);
      rates.rate_per_s.push_back(rate);
    }
    rates.begin.push_back(static_cast<std::int64_t>(rates.state.size()));
  }
  return rates;
}

}  // namespace

AbsorbingSystem::AbsorbingSystem(const Generator& q, std::vector<Index> inside, const AbsorptionOptions& options)
    : q_(q), inside_(std::move(inside)), options_(options), rates_(rates_among(q, inside_)) {
  check_sweep_options(options.tolerance, options.max_iterations);
  exit_per_s_ = inside_of(q.exit_rates());
  method_ = choose_method(rates_, options.method, Method::kGaussSeidel);
  if (method_ == Method::kGaussSeidel || inside_.empty()) return;
  std::vector<bool> outside(static_cast<std::size_t>(q.states()), true);
  for (const Index state : inside_) outside[static_cast<std::size_t>(state)] = false;
  reduction_.emplace(rates_, rate_into(outside), storage_of(method_));
}

Vector AbsorbingSystem::rate_into(const std::vector<bool>& set) const {
  Vector rate = Vector::Zero(static_cast<Index>(inside_.size()));
  for (std::size_t k = 0; k < inside_.size(); ++k) {
    for (const auto [to, value] : q_.outgoing().row(inside_[k])) {
      if (set[static_cast<std::size_t>(to)]) rate(static_cast<Index>(k)) += value;
    }
  }
  return rate;
}

Vector AbsorbingSystem::inside_of(const Vector& all) const {
  Vector part(static_cast<Index>(inside_.size()));
  for (std::size_t k = 0; k < inside_.size(); ++k) part(static_cast<Index>(k)) = all(inside_[k]);
  return part;
}

SystemSolution AbsorbingSystem::accumulated(const Vector& cost_per_s) const {
  if (inside_.empty()) return blank();
  if (reduction_) return reduced(reduction_->stuck_state() ? Vector() : reduction_->cost_until_killed(cost_per_s));
  // |r| <= rho cost gives |h - h~| <= rho A^-1 cost = rho h, because A^-1 >= 0; so |h - h~| <= rho / (1 - rho) h~.
  return swept(rates_, cost_per_s, [&](const Vector&, const Vector& residual) {
    const double rho = residual.cwiseQuotient(cost_per_s).maxCoeff();
    return rho < 1.0 ? rho / (1.0 - rho) : HUGE_VAL;
  });
}

SystemSolution AbsorbingSystem::exit_probability(const Vector& rate_per_s) const {
  if (inside_.empty()) return blank();
  if (reduction_) return reduced(reduction_->stuck_state() ? Vector() : reduction_->cost_until_killed(rate_per_s));
  const Vector time_s = mean_time_at_most_s();
  // |h - h~| <= A^-1 |r| <= max|r| A^-1 1.
  return swept(rates_, rate_per_s,
               [&](const Vector&, const Vector& residual) { return residual.maxCoeff() * time_s.maxCoeff(); });
}

SystemSolution AbsorbingSystem::time_in_states(const Vector& initial) const {
  if (inside_.empty()) return blank();
  if (reduction_) {
    SystemSolution solution = reduced(reduction_->stuck_state() ? Vector() : reduction_->time_until_killed(initial));
    if (solution.usable()) *solution.error_bound *= solution.value.sum();
    return solution;
  }
  const Vector time_s = mean_time_at_most_s();
  // sum |y - y~| <= |r| A^-1 1. The tolerance is relative to the whole time.
  const double total_s = initial.dot(time_s);
  SystemSolution solution = swept(transposed(rates_), initial, [&](const Vector&, const Vector& residual) {
    return residual.dot(time_s) / total_s;
  });
  if (solution.error_bound) *solution.error_bound *= total_s;
  return solution;
}

SystemSolution AbsorbingSystem::blank() const {
  SystemSolution solution;
  solution.method_requested = options_.method;
  solution.method_used = method_;
  solution.termination = Termination::kConverged;
  solution.error_bound = 0.0;
  solution.message = "the graph of the chain settles every state";
  return solution;
}

SystemSolution AbsorbingSystem::reduced(Vector value) const {
  SystemSolution solution = blank();
  solution.message = "state reduction is exact up to rounding";
  solution.error_bound = reduction_->relative_error_bound();
  solution.value = std::move(value);
  if (solution.value.size() > 0 && solution.value.allFinite()) return solution;
  solution.termination = Termination::kNumericalFailure;
  solution.message = reduction_->stuck_state() ? "a rate underflowed during the reduction" : "the answer overflows";
  solution.error_bound.reset();
  return solution;
}

template <typename Bound>
SystemSolution AbsorbingSystem::swept(const SparseRates& rates, const Vector& constant, const Bound& bound) const {
  SystemSolution solution = blank();
  const Vector reciprocal = exit_per_s_.cwiseInverse();
  Vector& x = solution.value;
  x = constant.cwiseProduct(reciprocal);
  solution.termination = Termination::kIterationLimit;
  double proven = HUGE_VAL;
  while (solution.iterations < options_.max_iterations && !(proven <= options_.tolerance)) {
    sweep_both_ways(rates, reciprocal, constant, 0.0, x);
    if (++solution.iterations % kSweepsPerCheck == 0) proven = bound(x, residual(rates, constant, x));
  }
  if (proven <= options_.tolerance) solution.termination = Termination::kConverged;
  solution.error_bound = proven;
  solution.message = fmt::format("error at most {:.2g} after {} sweeps, {:.2g} wanted", proven, solution.iterations,
                                 options_.tolerance);
  return solution;
}

// |constant - A x|, plus what rounding may hide of it: the inner product of the row and the two terms beside it.
Vector AbsorbingSystem::residual(const SparseRates& rates, const Vector& constant, const Vector& x) const {
  constexpr double u = 0.5 * std::numeric_limits<double>::epsilon();
  Vector result(x.size());
  for (Index i = 0; i < x.size(); ++i) {
    const RateRow row = rates.row(i);
    const double inflow = gathered(row, x.data());
    const double outflow = exit_per_s_(i) * x(i);
    const double rounding = static_cast<double>(row.size() + 3) * u * (constant(i) + inflow + outflow);
    result(i) = std::abs(constant(i) + inflow - outflow) + rounding;
  }
  return result;
}

Vector AbsorbingSystem::mean_time_at_most_s() const {
  const SystemSolution time = accumulated(Vector::Ones(static_cast<Index>(inside_.size())));
  if (!time.usable()) return Vector::Constant(time.value.size(), HUGE_VAL);
  return time.value * (1.0 + *time.error_bound);
}

}  // namespace windtunnel::solvers
