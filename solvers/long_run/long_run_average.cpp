// SPDX-License-Identifier: Apache-2.0
#include "solvers/long_run/long_run_average.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "solvers/linear/absorbing_system.h"
#include "solvers/linear/gauss_seidel.h"
#include "solvers/linear/method_choice.h"

namespace windtunnel::solvers {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Sweeps between two looks at the bounds, which cost about half a sweep pair.
constexpr long long kSweepsPerCheck = 10;

void require_size(const Generator& q, const Vector& vector, const char* name) {
  if (vector.size() == q.states()) return;
  throw std::invalid_argument(
      fmt::format("{} has {} entries, the chain has {} states", name, vector.size(), q.states()));
}

Interval both(const Interval& a, const Interval& b) {
  return {std::max(a.lower, b.lower), std::min(a.upper, b.upper)};
}

/// g with g = 0 in the likeliest state: time and reward until it is entered, from a state reduction.
Vector reduced_bias(const Generator& q, const Vector& reward, double average, Index reference, Method method) {
  std::vector<Index> others;
  for (Index i = 0; i < q.states(); ++i) {
    if (i != reference) others.push_back(i);
  }
  const AbsorbingSystem system(q, std::move(others), {.method = method});
  // Both systems have costs >= 0, as a reduction needs to stay free of subtractions.
  const double least = reward.minCoeff();
  const SystemSolution time = system.accumulated(Vector::Ones(static_cast<Index>(system.inside().size())));
  const SystemSolution gain = system.accumulated(system.inside_of(reward).array() - least);
  Vector bias = Vector::Zero(q.states());
  if (!time.usable() || !gain.usable()) return bias;
  for (std::size_t k = 0; k < system.inside().size(); ++k) {
    const auto at = static_cast<Index>(k);
    bias(system.inside()[k]) = gain.value(at) - (average - least) * time.value(at);
  }
  return bias;
}

void reduce(const Generator& q, const Vector& reward, LongRunAverage& result) {
  Index likeliest = 0;
  result.stationary.probability.maxCoeff(&likeliest);
  result.bias = q.states() > 1 ? reduced_bias(q, reward, result.value, likeliest, result.method_used) : Vector::Zero(1);
  result.bounds = both(result.bounds, long_run_average_bound(q, reward, result.bias));
}

void sweep(const Generator& q, const Vector& reward, const LongRunAverageOptions& options, LongRunAverage& result) {
  const Vector reciprocal = q.exit_rates().cwiseInverse();
  const Vector cost = reward.array() - result.value;
  const double wanted = options.tolerance * reward.cwiseAbs().maxCoeff();
  result.bias = Vector::Zero(q.states());
  for (long long done = 1; done <= options.max_iterations && result.bounds.width() > wanted; ++done) {
    sweep_both_ways(q.outgoing(), reciprocal, cost, -kInfinity, result.bias);
    ++result.iterations;
    if (done % kSweepsPerCheck != 0) continue;
    // The average used is not exact, so the bias drifts away from 0 as a whole, which costs digits but changes nothing
    // else.
    result.bias.array() -= result.bias(0);
    result.bounds = both(result.bounds, long_run_average_bound(q, reward, result.bias));
  }
}

void conclude(const Vector& reward, double tolerance, LongRunAverage& result) {
  result.value = std::clamp(result.value, result.bounds.lower, result.bounds.upper);
  result.error_bound = std::max(result.value - result.bounds.lower, result.bounds.upper - result.value);
  const bool tight = result.bounds.width() <= tolerance * reward.cwiseAbs().maxCoeff();
  result.termination = tight ? Termination::kConverged : Termination::kIterationLimit;
  result.message = fmt::format("between {:.17g} and {:.17g}", result.bounds.lower, result.bounds.upper);
}

}  // namespace

Interval long_run_average_bound(const Generator& q, const Vector& reward, const Vector& bias) {
  constexpr double u = 0.5 * std::numeric_limits<double>::epsilon();
  require_size(q, reward, "reward");
  require_size(q, bias, "bias");
  Interval bound{kInfinity, -kInfinity};
  for (Index i = 0; i < q.states(); ++i) {
    const RateRow row = q.outgoing().row(i);
    double change = 0.0;
    double size = std::abs(reward(i));
    for (const auto [to, rate] : row) {
      const double term = rate * (bias(to) - bias(i));
      change += term;
      size += std::abs(term);
    }
    // Two roundings per term, one per addition, and one for the addition of the reward.
    const double rounding = static_cast<double>(row.size() + 4) * u * size;
    bound.lower = std::min(bound.lower, reward(i) + change - rounding);
    bound.upper = std::max(bound.upper, reward(i) + change + rounding);
  }
  return bound;
}

LongRunAverage solve_long_run_average(const Generator& q, const Vector& reward, const LongRunAverageOptions& options) {
  check_sweep_options(options.tolerance, options.max_iterations);
  require_size(q, reward, "reward");
  LongRunAverage result;
  result.stationary = solve_stationary(q, options.stationary);
  result.method_requested = options.stationary.method;
  result.method_used = result.stationary.method_used;
  result.iterations = result.stationary.iterations;
  result.bounds = {reward.minCoeff(), reward.maxCoeff()};
  if (!result.stationary.usable()) {
    result.termination = result.stationary.termination;
    result.message = result.stationary.message;
    return result;
  }
  result.value = result.stationary.probability.dot(reward);
  if (result.method_used == Method::kGth || result.method_used == Method::kBandedGth) {
    reduce(q, reward, result);
  } else {
    sweep(q, reward, options, result);
  }
  conclude(reward, options.tolerance, result);
  return result;
}

}  // namespace windtunnel::solvers
