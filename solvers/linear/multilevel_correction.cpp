// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/multilevel_correction.h"

#include <limits>

#include "solvers/linear/gauss_seidel.h"

namespace windtunnel::solvers {
namespace {

constexpr Index kCoarsestCorrectionStates = 200;
constexpr double kWorthwhileShrink = 0.8;

void sweep_up(const SparseRates& rates, const Vector& reciprocal, const Vector& residual, Vector& d) {
  for (Index i = 0; i < d.size(); ++i) {
    d(i) = (residual(i) + gathered(rates.row(i), d.data())) * reciprocal(i);
  }
}

void sweep_down(const SparseRates& rates, const Vector& reciprocal, const Vector& residual, Vector& d) {
  for (Index i = d.size() - 1; i >= 0; --i) {
    d(i) = (residual(i) + gathered(rates.row(i), d.data())) * reciprocal(i);
  }
}

/// 0 for aggregates without flow, all of whose weights underflowed: they keep d = 0.
Vector reciprocals(const Vector& exit) {
  return (exit.array() < std::numeric_limits<double>::min()).select(0.0, exit.cwiseInverse());
}

/// Sum of the rates of each row plus what leaves.
Vector row_sums(const SparseRates& rates, Vector sums) {
  for (Index i = 0; i < rates.rows(); ++i) {
    for (const auto [state, rate] : rates.row(i)) sums(i) += rate;
  }
  return sums;
}

}  // namespace

void SweepCorrection::improve(const Vector& residual, Vector& d) const {
  sweep_twice(direction_, d.size(),
              [&](Index i) { d(i) = (residual(i) + gathered(rates_.row(i), d.data())) * reciprocal_(i); });
}

MultilevelCorrection::MultilevelCorrection(const SparseRates& rates, const Vector& exit_per_s,
                                           const Vector& killing_per_s, const Vector& weight, bool closed,
                                           double pair_strength)
    : rates_(rates), weight_(weight / weight.maxCoeff()), closed_(closed) {
  levels_.push_back({exit_per_s, reciprocals(exit_per_s), {}});
  Vector level_weight = weight_;
  Vector killing = killing_per_s;
  while (this->rates(levels_.size() - 1).rows() > kCoarsestCorrectionStates) {
    const std::size_t level = levels_.size() - 1;
    const SparseRates& fine = this->rates(level);
    Aggregation next = aggregate(fine, level_weight, FlowOrigin::kRow, pair_strength);
    if (static_cast<double>(next.count) > kWorthwhileShrink * static_cast<double>(fine.rows())) break;
    Vector coarse_killing = Vector::Zero(next.count);
    for (Index i = 0; i < fine.rows(); ++i) {
      coarse_killing(next.aggregate_of[static_cast<std::size_t>(i)]) += level_weight(i) * killing(i);
    }
    killing = std::move(coarse_killing);
    level_weight = Vector::Ones(next.count);
    levels_[level].next = std::move(next);
    Vector exit = row_sums(levels_[level].next.coarse, killing);
    Vector reciprocal = reciprocals(exit);
    levels_.push_back({std::move(exit), std::move(reciprocal), {}});
  }
  factorise_coarsest();
}

void MultilevelCorrection::factorise_coarsest() {
  const SparseRates& coarse = rates(levels_.size() - 1);
  const Index states = coarse.rows();
  if (states > 5 * kCoarsestCorrectionStates) return;
  Eigen::MatrixXd matrix = levels_.back().exit.asDiagonal();
  for (Index i = 0; i < states; ++i) {
    for (const auto [to, rate] : coarse.row(i)) matrix(i, to) -= rate;
  }
  if (closed_) {  // the aggregate with the most flow keeps d = 0: what rounding left of a constant hardly moves it
    levels_.back().exit.maxCoeff(&pinned_);
    matrix.row(pinned_).setZero();
    matrix(pinned_, pinned_) = levels_.back().exit(pinned_);
  }
  for (Index i = 0; i < states; ++i) {  // an aggregate without flow: all its weights underflowed
    if (matrix(i, i) == 0.0) matrix(i, i) = 1.0;
  }
  // Rows differ by the weights of the states, up to 1e290.
  coarsest_ =
      std::make_unique<Eigen::PartialPivLU<Eigen::MatrixXd>>(matrix.diagonal().cwiseInverse().asDiagonal() * matrix);
}

void MultilevelCorrection::improve(const Vector& residual, Vector& d) const {
  descend(0, residual, d);
}

void MultilevelCorrection::descend(std::size_t level, const Vector& residual, Vector& d) const {
  const SparseRates& fine = rates(level);
  const Vector& exit = levels_[level].exit;
  const Vector& reciprocal = levels_[level].reciprocal;
  if (level + 1 == levels_.size()) {
    if (!coarsest_) {
      for (int k = 0; k < 5; ++k) {
        sweep_up(fine, reciprocal, residual, d);
        sweep_down(fine, reciprocal, residual, d);
      }
      return;
    }
    Vector right = residual;
    for (Index i = 0; i < right.size(); ++i) right(i) *= reciprocal(i);
    if (closed_) right(pinned_) = 0.0;
    d = coarsest_->solve(right);
    return;
  }
  sweep_up(fine, reciprocal, residual, d);
  const Aggregation& next = levels_[level].next;
  Vector coarse_residual = Vector::Zero(next.count);
  for (Index i = 0; i < d.size(); ++i) {
    const double left = residual(i) + gathered(fine.row(i), d.data()) - exit(i) * d(i);
    coarse_residual(next.aggregate_of[static_cast<std::size_t>(i)]) += (level == 0 ? weight_(i) : 1.0) * left;
  }
  Vector coarse = Vector::Zero(next.count);
  descend(level + 1, coarse_residual, coarse);
  if (level > 0) descend(level + 1, coarse_residual, coarse);
  for (Index i = 0; i < d.size(); ++i) d(i) += coarse(next.aggregate_of[static_cast<std::size_t>(i)]);
  sweep_down(fine, reciprocal, residual, d);
}

}  // namespace windtunnel::solvers
