// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/qbd.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "solvers/chain/communicating_classes.h"
#include "solvers/numerics/chain_error.h"

namespace windtunnel::solvers {
namespace {

constexpr double kRoundoff = 0.5 * std::numeric_limits<double>::epsilon();

MMatrixFactors factors_of(const Matrix& rates, const Vector& excess) {
  MMatrixFactors factors(rates, excess);
  if (factors.stuck_state())
    throw ChainError(fmt::format("repeating level: phase {} never leaves its level", *factors.stuck_state()));
  return factors;
}

// An increment below a quarter of the rounding error of every entry changes nothing; the next ones are its square.
bool is_negligible(const Matrix& increment, const Matrix& sum) {
  return ((increment.array() <= 0.5 * kRoundoff * sum.array()) || increment.array() < 1e-300).all();
}

// Latouche and Ramaswami 1993: `up` and `down` are the probabilities that the chain, seen at every 2^k-th level, next
// goes up or down; G = sum over k of (up_0 .. up_(k-1)) down_k. I - (up down + down up) has row excess (up^2 + down^2)
// 1, because up + down is stochastic.
Matrix logarithmic_reduction(const Level& level, int max_iterations, int& iterations) {
  const Vector leaving = (level.up_per_s + level.down_per_s).rowwise().sum();
  const MMatrixFactors local = factors_of(level.local_per_s, leaving);
  Matrix up = local.solve(level.up_per_s), down = local.solve(level.down_per_s);
  Matrix g = down, climbed = up;
  for (iterations = 1; iterations <= max_iterations; ++iterations) {
    const Matrix up_twice = up * up, down_twice = down * down;
    const MMatrixFactors back = factors_of(up * down + down * up, (up_twice + down_twice).rowwise().sum());
    up = back.solve(up_twice);
    down = back.solve(down_twice);
    const Matrix increment = climbed * down;
    g += increment;
    if (is_negligible(increment, g)) return g;
    climbed = climbed * up;
  }
  return g;
}

// Bini and Meini 1996: every other level is censored away; `first` is the lowest level, whose transitions down are
// never touched. All blocks stay rates of a chain, so row sums give the diagonals.
Matrix cyclic_reduction(const Level& level, int max_iterations, int& iterations) {
  Matrix up = level.up_per_s, down = level.down_per_s, local = level.local_per_s, first = level.local_per_s;
  const Vector lowest_down = level.down_per_s.rowwise().sum();
  for (iterations = 1; iterations <= max_iterations; ++iterations) {
    const MMatrixFactors middle = factors_of(local, (up + down).rowwise().sum());
    const Matrix after_up = middle.solve(up), after_down = middle.solve(down);
    const Matrix return_from_above = up * after_down;
    first += return_from_above;
    local += return_from_above + down * after_up;
    up = up * after_up;
    down = down * after_down;
    const double still_up = up.size() ? up.rowwise().sum().maxCoeff() : 0.0;
    if (is_negligible(return_from_above, first) || still_up == 0.0) break;
  }
  return factors_of(first, lowest_down + up.rowwise().sum()).solve(level.down_per_s);
}

// lim |R^n|^(1/n) by squaring: R^(2^k) is kept as a matrix of norm 1 and the logarithm of its factor. Once the matrix
// is its own square but for a factor, the rest of the series is known; otherwise (R of several classes) 48 squarings
// leave a relative error of at most 2^-48 times the logarithm of a polynomial in the size.
double spectral_radius(Matrix power) {
  double log2_radius = 0.0, weight = 1.0;
  for (int k = 0; k < 48; ++k, weight *= 0.5) {
    const double norm = power.rowwise().sum().maxCoeff();
    if (!(norm > 0.0)) return 0.0;
    log2_radius += weight * std::log2(norm);
    power /= norm;
    const Matrix square = power * power;
    const double factor = square.rowwise().sum().maxCoeff();
    if (is_negligible((square / factor - power).cwiseAbs() * 0.01, power)) {
      log2_radius += weight * std::log2(factor);
      break;
    }
    power = square;
  }
  return std::exp2(log2_radius);
}

// x sum R^k, x sum k R^k and x sum k^2 R^k over k >= 0 for a row vector x, by doubling the number n of terms: the next
// n terms are those summed, times R^n, with k + n in place of k.
struct GeometricSums {
  Eigen::RowVectorXd plain, once, twice;
};

GeometricSums geometric_sums(const Eigen::RowVectorXd& x, const Matrix& r) {
  const Eigen::RowVectorXd zero = Eigen::RowVectorXd::Zero(x.size());
  GeometricSums sums{x, zero, zero};
  Matrix power = r;
  double terms = 1.0;
  // A decay of 1 - 2^-53, the slowest that can be told from 1, needs 60 doublings.
  for (int k = 0; k < 64; ++k) {
    const Eigen::RowVectorXd more = (sums.twice + 2.0 * terms * sums.once + terms * terms * sums.plain) * power;
    sums.once += (sums.once + terms * sums.plain) * power;
    sums.twice += more;
    sums.plain += (sums.plain * power).eval();
    if (is_negligible(more, sums.twice)) break;
    power = (power * power).eval();
    terms *= 2.0;
  }
  return sums;
}

std::vector<Level> with_boundary(const QuasiBirthDeath& chain) {
  std::vector<Level> levels = chain.boundary;
  if (levels.empty()) levels.push_back({Matrix(), chain.repeating.local_per_s, chain.repeating.up_per_s});
  Level first = chain.repeating;
  if (chain.first_down_per_s.size() > 0) first.down_per_s = chain.first_down_per_s;
  levels.push_back(first);
  check_levels(levels, true);
  const Level repeating[] = {{Matrix(), chain.repeating.local_per_s, chain.repeating.up_per_s}, chain.repeating};
  check_levels(repeating, true);
  return levels;
}

void check_drift(const QbdDrift& drift) {
  // 1e-13: the rounding of two sums; a chain this close to the edge has no computable law.
  if (drift.up_per_s >= drift.down_per_s * (1.0 - 1e-13))
    throw ChainError(fmt::format("unstable: mean rate up {} /s, down {} /s", drift.up_per_s, drift.down_per_s));
}

double first_passage_residual(const Level& level, const Matrix& g) {
  Matrix local = level.local_per_s;
  local.diagonal() = -exit_rates(level);
  return (level.down_per_s + local * g + level.up_per_s * (g * g)).lpNorm<Eigen::Infinity>();
}

void sum_levels(QbdSolution& solution) {
  const auto first = static_cast<double>(solution.first_repeating_level());
  const GeometricSums sums = geometric_sums(solution.boundary_probability.back().transpose(), solution.rate_matrix);
  const Eigen::RowVectorXd& repeating = sums.plain;
  double total = repeating.sum();
  for (std::size_t n = 0; n + 1 < solution.boundary_probability.size(); ++n)
    total += solution.boundary_probability[n].sum();
  for (Vector& level : solution.boundary_probability) level /= total;
  solution.repeating_phase_probability = repeating.transpose() / total;
  const double above = sums.once.sum() / total, above_squared = sums.twice.sum() / total;
  const double mass = solution.repeating_phase_probability.sum();
  solution.mean_above_first = above;
  solution.mean_level = first * mass + above;
  double second = first * first * mass + 2.0 * first * above + above_squared;
  for (Index n = 0; n < solution.first_repeating_level(); ++n) {
    const double level = solution.boundary_probability[static_cast<std::size_t>(n)].sum();
    solution.mean_level += static_cast<double>(n) * level;
    second += static_cast<double>(n * n) * level;
  }
  solution.level_variance = second - solution.mean_level * solution.mean_level;
}

void describe(QbdSolution& solution, const QbdOptions& options) {
  const bool has_converged = solution.iterations <= options.max_iterations;
  const bool is_finite = std::isfinite(solution.mean_level) && solution.repeating_phase_probability.allFinite();
  solution.termination = !is_finite       ? Termination::kNumericalFailure
                         : !has_converged ? Termination::kIterationLimit
                                          : Termination::kConverged;
  solution.message = fmt::format("{} after {} steps, drift ratio {:.6g}, residual {:.1e} /s, lost mass {:.1e}",
                                 has_converged ? "reduced" : "not reduced", solution.iterations, solution.drift_ratio,
                                 solution.residual_per_s, solution.lost_mass);
}

}  // namespace

QbdDrift mean_drift(const Level& repeating) {
  const Matrix phases = repeating.down_per_s + repeating.local_per_s + repeating.up_per_s;
  const Generator q = dense_generator(phases);
  const CommunicatingClasses classes = communicating_classes(q);
  QbdDrift worst;
  for (const Index bottom : classes.bottom) {
    const std::vector<Index>& members = classes.members[static_cast<std::size_t>(bottom)];
    const Vector law = stationary_of_dense(phases(members, members));
    const QbdDrift drift{law.dot(repeating.up_per_s(members, Eigen::all).rowwise().sum()),
                         law.dot(repeating.down_per_s(members, Eigen::all).rowwise().sum())};
    if (drift.up_per_s * worst.down_per_s >= worst.up_per_s * drift.down_per_s) worst = drift;
  }
  return worst;
}

Matrix first_passage_matrix(const Level& repeating, const QbdOptions& options, int* iterations) {
  if (options.max_iterations < 1)
    throw std::invalid_argument(fmt::format("max_iterations {}, expected at least 1", options.max_iterations));
  int steps = 0;
  Matrix g = options.method == QbdMethod::kLogarithmicReduction
                 ? logarithmic_reduction(repeating, options.max_iterations, steps)
                 : cyclic_reduction(repeating, options.max_iterations, steps);
  if (iterations) *iterations = steps;
  return g;
}

QbdSolution solve_qbd(const QuasiBirthDeath& chain, const QbdOptions& options) {
  std::vector<Level> levels = with_boundary(chain);
  const Level& repeating = chain.repeating;
  const QbdDrift drift = mean_drift(repeating);
  check_drift(drift);
  QbdSolution solution;
  solution.drift_ratio = drift.up_per_s / drift.down_per_s;
  solution.first_passage = first_passage_matrix(repeating, options, &solution.iterations);
  solution.closed_local_per_s = repeating.local_per_s + repeating.up_per_s * solution.first_passage;
  const Vector down = repeating.down_per_s.rowwise().sum();
  solution.rate_matrix = factors_of(solution.closed_local_per_s, down).solve_left(repeating.up_per_s);
  solution.decay_ratio = spectral_radius(solution.rate_matrix);
  std::vector<Level> closed = levels;
  closed.back().local_per_s = solution.closed_local_per_s;
  solution.boundary_probability = LevelReduction(closed).weights();
  sum_levels(solution);
  levels.push_back(repeating);
  std::vector<Vector> probability = solution.boundary_probability;
  probability.push_back(solution.rate_matrix.transpose() * probability.back());
  solution.residual_per_s = level_residual_per_s(levels, probability);
  solution.first_passage_residual_per_s = first_passage_residual(repeating, solution.first_passage);
  solution.lost_mass = (solution.first_passage.rowwise().sum().array() - 1.0).abs().maxCoeff();
  describe(solution, options);
  return solution;
}

Vector QbdSolution::probability(Index level) const {
  const Index first = first_repeating_level();
  if (level <= first) return boundary_probability[static_cast<std::size_t>(level)];
  Eigen::RowVectorXd law = boundary_probability.back().transpose();
  for (Index n = first; n < level; ++n) law = (law * rate_matrix).eval();
  return law.transpose();
}

double QbdSolution::tail(Index level) const {
  const Index first = first_repeating_level();
  double mass = 0.0;
  for (Index n = std::max<Index>(level, 0); n < first; ++n) mass += probability(n).sum();
  Eigen::RowVectorXd above = repeating_phase_probability.transpose();
  for (Index n = first; n < level; ++n) above = (above * rate_matrix).eval();
  return mass + above.sum();
}

}  // namespace windtunnel::solvers
