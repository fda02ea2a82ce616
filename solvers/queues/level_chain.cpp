// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/level_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

void check_block(const Matrix& block, Index rows, Index columns, std::size_t level, const char* name) {
  if (block.size() == 0 && rows * columns == 0) return;
  if (block.rows() != rows || block.cols() != columns)
    throw ChainError(fmt::format("level {}: {} is {} x {}, expected {} x {}", level, name, block.rows(), block.cols(),
                                 rows, columns));
  const bool is_local = name == std::string_view("local");
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      if ((is_local && i == j) || (block(i, j) >= 0.0 && std::isfinite(block(i, j)))) continue;
      throw ChainError(fmt::format("level {}: {} rate {} from phase {} to {} is not a finite number >= 0", level, name,
                                   block(i, j), i, j));
    }
  }
}

Vector row_sums(const Matrix& block, Index rows) {
  return block.size() == 0 ? Vector::Zero(rows) : Vector(block.rowwise().sum());
}

// Level n's vector is mantissa * 2^exponent with a largest entry in [1/2, 1).
struct ScaledVector {
  Vector mantissa;
  std::int64_t exponent = 0;
};

ScaledVector normalised(Vector value, std::int64_t exponent) {
  int own = 0;
  std::frexp(value.maxCoeff(), &own);
  return {value * std::ldexp(1.0, -own), exponent + own};
}

std::vector<Vector> unscaled(const std::vector<ScaledVector>& levels) {
  std::int64_t largest = levels.front().exponent;
  for (const ScaledVector& level : levels) largest = std::max(largest, level.exponent);
  std::vector<Vector> result;
  for (const ScaledVector& level : levels) {
    const auto shift = std::max<std::int64_t>(level.exponent - largest, -2000);  // 2^-2000 is 0
    result.push_back(level.mantissa.unaryExpr([&](double x) { return std::ldexp(x, static_cast<int>(shift)); }));
  }
  return result;
}

double total_of(const std::vector<Vector>& levels) {
  double total = 0.0;
  for (const Vector& level : levels) total += level.sum();
  return total;
}

}  // namespace

double LevelSolution::mean_level() const {
  double mean = 0.0;
  for (std::size_t n = 0; n < probability.size(); ++n) mean += static_cast<double>(n) * probability[n].sum();
  return mean;
}

void check_levels(std::span<const Level> levels, bool last_has_up) {
  if (levels.empty()) throw ChainError("a chain without levels");
  for (std::size_t n = 0; n < levels.size(); ++n) {
    const Index phases = levels[n].phases();
    if (phases == 0) throw ChainError(fmt::format("level {} has no phases", n));
    check_block(levels[n].down_per_s, phases, n == 0 ? 0 : levels[n - 1].phases(), n, "down");
    check_block(levels[n].local_per_s, phases, phases, n, "local");
    const bool is_last = n + 1 == levels.size();
    const Index above = is_last ? (last_has_up ? phases : 0) : levels[n + 1].phases();
    check_block(levels[n].up_per_s, phases, above, n, "up");
  }
}

Vector exit_rates(const Level& level) {
  const Index m = level.phases();
  const Vector local = row_sums(level.local_per_s - Matrix(level.local_per_s.diagonal().asDiagonal()), m);
  return row_sums(level.down_per_s, m) + local + row_sums(level.up_per_s, m);
}

LevelReduction::LevelReduction(std::span<const Level> levels) : levels_(levels) {
  Matrix closed = levels.back().local_per_s;
  for (std::size_t n = levels.size() - 1; n > 0; --n) {
    factors_.emplace_back(closed, levels[n].down_per_s.rowwise().sum());
    if (factors_.back().stuck_state())
      throw ChainError(
          fmt::format("level {}: phase {} cannot reach the level below", n, *factors_.back().stuck_state()));
    closed = levels[n - 1].local_per_s + levels[n - 1].up_per_s * factors_.back().solve(levels[n].down_per_s);
  }
  std::reverse(factors_.begin(), factors_.end());
  lowest_ = closed;
}

std::vector<Vector> LevelReduction::weights() const {
  std::vector<ScaledVector> levels = {normalised(stationary_of_dense(lowest_), 0)};
  for (std::size_t n = 1; n < levels_.size(); ++n) {
    const Matrix inflow = levels.back().mantissa.transpose() * levels_[n - 1].up_per_s;
    levels.push_back(normalised(factors_[n - 1].solve_left(inflow).transpose(), levels.back().exponent));
  }
  return unscaled(levels);
}

double level_residual_per_s(std::span<const Level> levels, const std::vector<Vector>& probability) {
  const bool is_open = levels.back().up_per_s.size() > 0;
  const std::size_t checked = is_open ? levels.size() - 1 : levels.size();
  double largest = 0.0;
  for (std::size_t n = 0; n < checked; ++n) {
    Matrix local = levels[n].local_per_s;
    local.diagonal() = -exit_rates(levels[n]);
    Vector flow = local.transpose() * probability[n];
    if (n > 0) flow += levels[n - 1].up_per_s.transpose() * probability[n - 1];
    if (n + 1 < levels.size()) flow += levels[n + 1].down_per_s.transpose() * probability[n + 1];
    largest = std::max(largest, flow.lpNorm<Eigen::Infinity>());
  }
  return largest;
}

LevelSolution solve_levels(std::span<const Level> levels) {
  check_levels(levels);
  LevelSolution solution;
  solution.probability = LevelReduction(levels).weights();
  const double total = total_of(solution.probability);
  for (Vector& level : solution.probability) level /= total;
  for (const Level& level : levels)
    solution.max_exit_rate_per_s = std::max(solution.max_exit_rate_per_s, exit_rates(level).maxCoeff());
  solution.residual_per_s = level_residual_per_s(levels, solution.probability);
  solution.termination = std::isfinite(total) ? Termination::kConverged : Termination::kNumericalFailure;
  solution.message =
      fmt::format("{} levels reduced one by one, residual {:.1e} /s", levels.size(), solution.residual_per_s);
  return solution;
}

}  // namespace windtunnel::solvers
