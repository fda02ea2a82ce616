// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/transient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "solvers/chain/initial_distribution.h"
#include "solvers/chain/uniformized_chain.h"
#include "solvers/numerics/poisson_weights.h"

namespace windtunnel::solvers {
namespace {

/// What one time asks of the sequence p(0) P^k: weights on its terms, and P(count > k) for the integral.
struct TimePoint {
  PoissonWeights poisson;
  Vector beyond;  // beyond(k) = P(left + k < count)
  double mean = 0.0;
};

TimePoint time_point(double mean, double tolerance) {
  TimePoint point{.poisson = poisson_weights(mean, tolerance), .beyond = {}, .mean = mean};
  point.beyond.resize(point.poisson.weight.size());
  double mass = point.poisson.right_mass;
  for (Index k = point.beyond.size() - 1; k >= 0; --k) {
    point.beyond(k) = mass;
    mass += point.poisson.weight(k);
  }
  return point;
}

void check_times(const std::vector<double>& times_s) {
  for (const double time_s : times_s) {
    if (!(time_s >= 0.0) || !std::isfinite(time_s)) {
      throw std::invalid_argument(fmt::format("time {} s is not finite and >= 0", time_s));
    }
  }
}

/// Time left out of the integral, times q: sum over k > right of P(count > k), bounded by a geometric series, and the
/// left tail, missing from each of the first terms.
double lost_ticks(const TimePoint& point) {
  const double ratio = point.mean / static_cast<double>(point.poisson.right() + 2);
  return point.poisson.right_mass / (1.0 - ratio) + point.poisson.left_mass * static_cast<double>(point.poisson.left);
}

void add_term(const TimePoint& point, Index k, const Vector& x, double rate_per_s, std::size_t slot,
              TransientSolution& solution) {
  const PoissonWeights& poisson = point.poisson;
  if (k > poisson.right()) return;
  if (k >= poisson.left) solution.probability[slot] += poisson.weight(k - poisson.left) * x;
  if (solution.sojourn_s.empty() || rate_per_s == 0.0) return;
  const double beyond = k >= poisson.left ? point.beyond(k - poisson.left) : 1.0 - poisson.left_mass;
  solution.sojourn_s[slot] += beyond / rate_per_s * x;
}

void state_bounds(const UniformizedChain& chain, const std::vector<TimePoint>& points, TransientSolution& solution) {
  constexpr double u = 0.5 * std::numeric_limits<double>::epsilon();
  double bound = 0.0;
  for (const TimePoint& point : points) {
    // A weight follows from the mode by two roundings per step; normalising and adding up the terms costs one each.
    const double window = 4.0 * static_cast<double>(point.poisson.weight.size()) * u;
    const double rounding = chain.rounding_bound(point.poisson.right()) + window;
    bound = std::max(bound, point.poisson.lost_mass() + rounding);
    if (solution.sojourn_s.empty() || chain.rate_per_s() == 0.0) continue;
    const double ticks = lost_ticks(point) + rounding * point.mean;
    solution.sojourn_error_bound_s = std::max(solution.sojourn_error_bound_s, ticks / chain.rate_per_s());
  }
  solution.error_bound = bound;
}

}  // namespace

TransientSolution solve_transient(const Generator& q, const Vector& initial, const std::vector<double>& times_s,
                                  const TransientOptions& options) {
  require_distribution(initial, q.states());
  check_times(times_s);
  TransientSolution solution;
  solution.method_requested = solution.method_used = Method::kUniformization;
  UniformizedChain chain(q);
  std::vector<TimePoint> points;
  for (const double time_s : times_s) points.push_back(time_point(chain.rate_per_s() * time_s, options.tolerance));
  Index last = 0;
  for (const TimePoint& point : points) last = std::max(last, point.poisson.right());
  solution.message = fmt::format("uniformization takes {} products, {} allowed", last, options.max_iterations);
  solution.termination = Termination::kIterationLimit;
  if (last > options.max_iterations) return solution;

  solution.probability.assign(times_s.size(), Vector::Zero(q.states()));
  if (options.with_sojourn) solution.sojourn_s = solution.probability;
  Vector x = initial;
  for (Index k = 0; k <= last; ++k) {
    if (k > 0) chain.step(x);
    for (std::size_t slot = 0; slot < points.size(); ++slot)
      add_term(points[slot], k, x, chain.rate_per_s(), slot, solution);
  }
  if (options.with_sojourn && chain.rate_per_s() == 0.0) {  // nothing ever moves
    for (std::size_t slot = 0; slot < points.size(); ++slot) solution.sojourn_s[slot] = times_s[slot] * initial;
  }
  solution.iterations = last;
  state_bounds(chain, points, solution);
  solution.termination = Termination::kConverged;
  return solution;
}

}  // namespace windtunnel::solvers
