// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/population_process.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <stdexcept>

#include "solvers/numerics/schur_form.h"

namespace windtunnel::solvers {
namespace {

// Dormand and Prince 1980, table 2: nodes of the seven stages; the last stage is the first one of the next step.
constexpr double kStages[6][6] = {{1.0 / 5, 0, 0, 0, 0, 0},
                                  {3.0 / 40, 9.0 / 40, 0, 0, 0, 0},
                                  {44.0 / 45, -56.0 / 15, 32.0 / 9, 0, 0, 0},
                                  {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729, 0, 0},
                                  {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656, 0},
                                  {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
// Order 5 minus order 4.
constexpr double kError[7] = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

struct StepResult {
  Vector x, drift;
  double error = 0.0;
};

StepResult dormand_prince_step(const PopulationProcess& process, const Vector& x, const Vector& drift, double step_s) {
  Matrix slopes(x.size(), 7);
  slopes.col(0) = drift;
  Vector end = x;
  for (Index stage = 0; stage < 6; ++stage) {
    end = x;
    for (Index k = 0; k <= stage; ++k) end += step_s * kStages[stage][k] * slopes.col(k);
    slopes.col(stage + 1) = drift_per_s(process, end);
  }
  Vector error = Vector::Zero(x.size());
  for (Index k = 0; k < 7; ++k) error += step_s * kError[k] * slopes.col(k);
  return {end, slopes.col(6), error.lpNorm<Eigen::Infinity>()};
}

// A walk along the path; the step size lives on between the times asked for.
class Integrator {
 public:
  Integrator(const PopulationProcess& process, Vector x, const FluidOptions& options)
      : process_(process), options_(options), x_(std::move(x)), drift_(drift_per_s(process_, x_)) {
    const double speed = drift_.lpNorm<Eigen::Infinity>();
    step_s_ = speed > 0.0 ? 0.01 / speed : 1.0;
  }

  const Vector& x() const { return x_; }
  const Vector& drift() const { return drift_; }
  double step_s() const { return step_s_; }
  int steps() const { return steps_; }
  double estimated_error() const { return estimated_error_; }

  bool advance_to(double time_s) {
    while (time_s_ < time_s) {
      if (steps_ >= options_.max_steps) return false;
      const double step_s = std::min(step_s_, time_s - time_s_);
      if (try_step(step_s) && step_s == time_s - time_s_before_) time_s_ = time_s;
    }
    return true;
  }

 private:
  bool try_step(double step_s) {
    ++steps_;
    time_s_before_ = time_s_;
    const StepResult result = dormand_prince_step(process_, x_, drift_, step_s);
    const double ratio = std::isfinite(result.error) ? result.error / options_.tolerance : 1e10;
    const bool is_accepted = ratio <= 1.0;
    if (is_accepted) {
      x_ = result.x;
      drift_ = result.drift;
      time_s_ += step_s;
      estimated_error_ += result.error;
    }
    // 0.9 for safety, at most a factor of 5 either way (Hairer, Norsett, Wanner, II.4.13).
    const double proposed = step_s * std::clamp(0.9 * std::pow(std::max(ratio, 1e-12), -0.2), 0.2, 5.0);
    step_s_ = is_accepted ? std::max(proposed, step_s_ > step_s ? step_s_ : proposed) : proposed;
    return is_accepted;
  }

  const PopulationProcess& process_;
  const FluidOptions& options_;
  Vector x_, drift_;
  double time_s_ = 0.0, time_s_before_ = 0.0, step_s_ = 1.0, estimated_error_ = 0.0;
  int steps_ = 0;
};

void check(const PopulationProcess& process, Index conditions) {
  if (process.transitions.empty()) throw std::invalid_argument("a population without transitions");
  for (std::size_t t = 0; t < process.transitions.size(); ++t)
    if (process.transitions[t].change.size() != conditions)
      throw std::invalid_argument(fmt::format("transition class {} changes {} counts, expected {}", t,
                                              process.transitions[t].change.size(), conditions));
}

// Orthonormal basis of the span of all changes, one column each.
Matrix moving_directions(const PopulationProcess& process, Index conditions) {
  Matrix changes(conditions, static_cast<Index>(process.transitions.size()));
  for (Index t = 0; t < changes.cols(); ++t)
    changes.col(t) = process.transitions[static_cast<std::size_t>(t)].change.cast<double>();
  // Changes are small whole numbers, so their Gram matrix is exact: what is not moved has an eigenvalue of rounding
  // size.
  const Eigen::SelfAdjointEigenSolver<Matrix> spectrum(changes * changes.transpose());
  const Vector& squared = spectrum.eigenvalues();
  const double rounding = 1e-12 * squared.maxCoeff();
  return spectrum.eigenvectors().rightCols((squared.array() > rounding).count());
}

// Drift along the moving directions, as a function of the shares' displacement along them.
class ReducedDrift {
 public:
  ReducedDrift(const PopulationProcess& process, Vector origin, Matrix directions)
      : process_(process), origin_(std::move(origin)), directions_(std::move(directions)) {}

  Index size() const { return directions_.cols(); }
  Vector operator()(const Vector& y) const {
    return directions_.transpose() * drift_per_s(process_, origin_ + directions_ * y);
  }
  Matrix derivative(const Vector& y) const {
    Matrix result(size(), size());
    for (Index j = 0; j < size(); ++j)
      result.col(j) =
          ((*this)(y + kStep * Vector::Unit(size(), j)) - (*this)(y - kStep * Vector::Unit(size(), j))) / (2.0 * kStep);
    return result;
  }
  /// sum over j, k of (d^2 drift / dy_j dy_k) w_jk.
  Vector second_derivative(const Vector& y, const Matrix& w) const {
    // Along each eigenvector of the symmetric w, a plain second difference.
    const Eigen::SelfAdjointEigenSolver<Matrix> spectrum(w);
    Vector result = Vector::Zero(size());
    for (Index k = 0; k < size(); ++k) {
      const Vector step = kLongStep * spectrum.eigenvectors().col(k);
      result += spectrum.eigenvalues()(k) * ((*this)(y + step) - 2.0 * (*this)(y) + (*this)(y - step)) /
                (kLongStep * kLongStep);
    }
    return result;
  }

 private:
  // Cube and fourth root of the unit roundoff: where truncation and rounding of the differences balance.
  static constexpr double kStep = 5e-6;
  static constexpr double kLongStep = 1e-4;

  const PopulationProcess& process_;
  Vector origin_;
  Matrix directions_;
};

// X with A X + X A^T + Q = 0 by the Schur form of A: Bartels, Stewart, Communications of the ACM 15, 1972.
Matrix solve_lyapunov(const Matrix& a, const Matrix& q) {
  using Complex = Eigen::MatrixXcd;
  const auto [u, t] = schur_form(a);
  const Complex right = -(u.adjoint() * q * u);
  Complex y = Complex::Zero(a.rows(), a.rows());
  for (Index j = a.rows() - 1; j >= 0; --j) {
    Eigen::VectorXcd column = right.col(j);
    for (Index k = j + 1; k < a.rows(); ++k) column -= std::conj(t(j, k)) * y.col(k);
    Complex shifted = t;
    shifted.diagonal().array() += std::conj(t(j, j));
    y.col(j) = shifted.triangularView<Eigen::Upper>().solve(column);
  }
  const Matrix x = (u * y * u.adjoint()).real();
  return 0.5 * (x + x.transpose());
}

Matrix noise(const PopulationProcess& process, const Vector& x, const Matrix& directions) {
  Matrix result = Matrix::Zero(directions.cols(), directions.cols());
  for (const auto& each : process.transitions) {
    const Vector change = directions.transpose() * each.change.cast<double>();
    result += each.rate_per_s(x) * change * change.transpose();
  }
  return result;
}

// Walks until the drift is small against the fastest motion seen so far, in stretches that grow.
bool come_to_rest(Integrator& walk) {
  double time_s = 0.0, fastest = walk.drift().lpNorm<Eigen::Infinity>();
  for (int stretch = 0; stretch < 2000; ++stretch) {
    const double speed = walk.drift().lpNorm<Eigen::Infinity>();
    fastest = std::max(fastest, speed);
    if (speed <= 1e-5 * fastest || speed < 1e-14) return true;
    time_s += std::max(walk.step_s(), 0.05 * time_s);
    if (!walk.advance_to(time_s)) return false;
  }
  return false;
}

Vector newton(const ReducedDrift& drift) {
  Vector y = Vector::Zero(drift.size());
  for (int i = 0; i < 30; ++i) {
    const Vector step = drift.derivative(y).partialPivLu().solve(drift(y));
    y -= step;
    if (step.lpNorm<Eigen::Infinity>() < 1e-14) break;
  }
  return y;
}

}  // namespace

Vector drift_per_s(const PopulationProcess& process, const Vector& x) {
  Vector drift = Vector::Zero(x.size());
  for (const auto& each : process.transitions) drift += each.rate_per_s(x) * each.change.cast<double>();
  return drift;
}

FluidPath fluid_path(const PopulationProcess& process, const Vector& initial, const std::vector<double>& times_s,
                     const FluidOptions& options) {
  check(process, initial.size());
  if (!std::is_sorted(times_s.begin(), times_s.end()) || (!times_s.empty() && !(times_s.front() >= 0.0)))
    throw std::invalid_argument("times of a path, expected increasing and >= 0");
  Integrator walk(process, initial, options);
  FluidPath path;
  path.has_converged = true;
  for (const double time_s : times_s) {
    path.has_converged = path.has_converged && walk.advance_to(time_s);
    path.shares.push_back(walk.x());
  }
  path.steps = walk.steps();
  path.estimated_error = walk.estimated_error();
  path.message = fmt::format("{} steps{}", path.steps, path.has_converged ? "" : ", the limit, before the last time");
  return path;
}

MeanFieldSolution solve_mean_field(const PopulationProcess& process, const Vector& initial,
                                   const FluidOptions& options) {
  check(process, initial.size());
  MeanFieldSolution solution;
  Integrator walk(process, initial, options);
  if (!come_to_rest(walk)) {
    solution.share = walk.x();
    solution.residual_per_s = walk.drift().lpNorm<Eigen::Infinity>();
    solution.message = fmt::format("the path does not come to rest, drift {:.1e} /s", solution.residual_per_s);
    return solution;
  }
  const Matrix directions = moving_directions(process, initial.size());
  const Vector moved = newton(ReducedDrift(process, walk.x(), directions));
  solution.share = walk.x() + directions * moved;
  solution.residual_per_s = drift_per_s(process, solution.share).lpNorm<Eigen::Infinity>();
  const ReducedDrift drift(process, solution.share, directions);
  const Vector origin = Vector::Zero(drift.size());
  const Matrix derivative = drift.derivative(origin);
  solution.slowest_decay_per_s = schur_form(derivative).triangular.diagonal().real().maxCoeff();
  solution.has_converged = solution.slowest_decay_per_s < 0.0 && moved.lpNorm<Eigen::Infinity>() < 1e-2;
  solution.message = fmt::format("fixed point with drift {:.1e} /s, slowest decay {:.3g} /s", solution.residual_per_s,
                                 solution.slowest_decay_per_s);
  if (!solution.has_converged) return solution;
  const Matrix covariance = solve_lyapunov(derivative, noise(process, solution.share, directions));
  solution.correction =
      directions * derivative.partialPivLu().solve(-0.5 * drift.second_derivative(origin, covariance));
  solution.covariance = directions * covariance * directions.transpose();
  return solution;
}

namespace {

struct CountsHash {
  std::size_t operator()(const std::vector<int>& counts) const {
    std::size_t value = 0;
    for (const int count : counts) value = 1'000'003 * value + static_cast<std::size_t>(count);
    return value;
  }
};

}  // namespace

StateSpace<std::vector<int>> population_chain(const PopulationProcess& process, const std::vector<int>& counts,
                                              const ExploreOptions& options) {
  check(process, static_cast<Index>(counts.size()));
  const int members = std::accumulate(counts.begin(), counts.end(), 0);
  const auto successors = [&](const std::vector<int>& state, const auto& emit) {
    const Vector shares =
        Eigen::Map<const Eigen::VectorXi>(state.data(), static_cast<Index>(state.size())).cast<double>() / members;
    for (const auto& each : process.transitions) {
      const double rate = members * each.rate_per_s(shares);
      if (rate == 0.0) continue;
      std::vector<int> next = state;
      for (std::size_t i = 0; i < next.size(); ++i) next[i] += each.change(static_cast<Index>(i));
      if (*std::min_element(next.begin(), next.end()) < 0)
        throw ChainError(fmt::format("a population transition of rate {} /s leads below 0", rate));
      emit(next, rate);
    }
  };
  return explore<std::vector<int>, CountsHash>(counts, successors, options);
}

}  // namespace windtunnel::solvers
