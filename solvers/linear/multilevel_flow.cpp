// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/multilevel_flow.h"

#include <algorithm>

#include "solvers/linear/gauss_seidel.h"
#include "solvers/linear/state_reduction.h"

namespace windtunnel::solvers {
namespace {

constexpr double kFlowFloor = 1e-290;
// A reduction of so many states costs less than a sweep over the chains that need levels.
constexpr Index kCoarsestFlowStates = 150;
// Where aggregation removes less than this share of the states it has come to its end.
constexpr double kWorthwhileFlowShrink = 0.8;
// For a coarsest level that is too large to reduce.
constexpr int kCoarsestSweeps = 10;

Vector sums_over(const Aggregation& aggregation, const Vector& fine) {
  Vector coarse = Vector::Zero(aggregation.count);
  for (Index i = 0; i < fine.size(); ++i) coarse(aggregation.aggregate_of[static_cast<std::size_t>(i)]) += fine(i);
  return coarse;
}

}  // namespace

MultilevelFlow::MultilevelFlow(const FlowSystem& system, const Vector& x, double pair_strength) : system_(system) {
  levels_.emplace_back();
  Vector weight = x;
  while (rates(levels_.size() - 1).rows() > kCoarsestFlowStates) {
    const std::size_t level = levels_.size() - 1;
    const SparseRates& fine = rates(level);
    Aggregation next = aggregate(fine, weight, FlowOrigin::kColumn, pair_strength);
    if (static_cast<double>(next.count) > kWorthwhileFlowShrink * static_cast<double>(fine.rows())) break;
    levels_[level].next = std::move(next);
    levels_.emplace_back();
    sum_coarse(level, weight);
    weight = Vector::Ones(levels_[level].next.count);
  }
}

void MultilevelFlow::cycle(Vector& x) {
  descend(0, x);
}

void MultilevelFlow::descend(std::size_t level, Vector& x) {
  if (level + 1 == levels_.size()) return solve_coarsest(x);
  sweep(level, x, true);
  refresh(level, x);
  const Aggregation& next = levels_[level].next;
  Vector factor = Vector::Ones(next.count);
  descend(level + 1, factor);
  for (Index i = 0; i < x.size(); ++i) {
    x(i) = std::max(kFlowFloor, x(i) * factor(next.aggregate_of[static_cast<std::size_t>(i)]));
  }
  sweep(level, x, false);
}

void MultilevelFlow::sweep(std::size_t level, Vector& x, bool ascending) const {
  const SparseRates& in = rates(level);
  const Vector& out = outflow(level);
  const Vector& added = source(level);
  const auto relax = [&](Index i) {
    if (!(out(i) > 0.0)) return;  // all its flows underflowed: nothing is known about it here
    const double inflow = gathered(in.row(i), x.data()) + (system_.closed() ? 0.0 : added(i));
    x(i) = std::max(kFlowFloor, inflow / out(i));
  };
  if (ascending) {
    for (Index i = 0; i < x.size(); ++i) relax(i);
  } else {
    for (Index i = x.size() - 1; i >= 0; --i) relax(i);
  }
}

void MultilevelFlow::refresh(std::size_t level, const Vector& x) {
  levels_[level].next.refresh(rates(level), x, FlowOrigin::kColumn);
  sum_coarse(level, x);
}

void MultilevelFlow::sum_coarse(std::size_t level, const Vector& x) {
  const Aggregation& next = levels_[level].next;
  Level& coarse = levels_[level + 1];
  coarse.outflow = Vector::Zero(next.count);
  if (!system_.closed()) {
    coarse.killing = sums_over(next, killing(level).cwiseProduct(x));
    coarse.source = sums_over(next, source(level));
    coarse.outflow = coarse.killing;
  }
  for (std::size_t e = 0; e < next.coarse.state.size(); ++e) {
    coarse.outflow(next.coarse.state[e]) += next.coarse.rate_per_s[e];
  }
}

void MultilevelFlow::solve_coarsest(Vector& x) const {
  const std::size_t level = levels_.size() - 1;
  if (x.size() <= kCoarsestFlowStates) {
    const bool closed = system_.closed();
    const StateReduction reduction(transposed(rates(level)), closed ? Vector::Zero(x.size()).eval() : killing(level));
    if (!reduction.stuck_state()) {
      Vector exact = closed ? reduction.stationary() : reduction.time_until_killed(source(level));
      if (closed) exact *= x.sum();
      if (exact.allFinite()) {
        x = exact.cwiseMax(kFlowFloor);
        return;
      }
    }
  }
  for (int k = 0; k < kCoarsestSweeps; ++k) sweep(level, x, k % 2 == 0);
}

}  // namespace windtunnel::solvers
