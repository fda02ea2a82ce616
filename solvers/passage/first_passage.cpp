// SPDX-License-Identifier: Apache-2.0
#include "solvers/passage/first_passage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "solvers/chain/initial_distribution.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/numerics/poisson_weights.h"
#include "solvers/numerics/root_finding.h"
#include "solvers/passage/absorption.h"

namespace windtunnel::solvers {
namespace {

Generator absorbing_at(const Generator& q, const std::vector<Index>& targets) {
  if (targets.empty()) throw ChainError("there is no target state");
  std::vector<bool> absorbing(static_cast<std::size_t>(q.states()), false);
  for (const Index target : targets) {
    if (target < 0 || target >= q.states()) {
      throw ChainError(
          fmt::format("target state {} does not exist, the chain has states 0 to {}", target, q.states() - 1));
    }
    absorbing[static_cast<std::size_t>(target)] = true;
  }
  GeneratorBuilder builder;
  for (Index i = 0; i < q.states(); ++i) {
    if (!absorbing[static_cast<std::size_t>(i)]) {
      for (const auto [to, rate] : q.outgoing().row(i)) builder.add(to, rate);
    }
    builder.finish_state();
  }
  return std::move(builder).build();
}

double probability_to_arrive(const Generator& q, const std::vector<Index>& targets, const Vector& initial) {
  const HittingProbability hitting = hitting_probability(q, targets);
  return hitting.usable() ? initial.dot(hitting.probability) / initial.sum() : 1.0;
}

}  // namespace

FirstPassage::FirstPassage(const Generator& q, const std::vector<Index>& targets, const Vector& initial,
                           const FirstPassageOptions& options)
    : options_(options),
      targets_(targets),
      absorbing_(absorbing_at(q, targets)),
      chain_(absorbing_),
      initial_(initial),
      x_(initial) {
  require_distribution(initial, q.states());
  arrived_.push_back(0.0);
  for (const Index target : targets_) {
    arrived_.back() += x_(target);
    x_(target) = 0.0;
  }
  underway_.push_back(x_.sum());
}

bool FirstPassage::extend_to(Index ticks) {
  if (ticks > options_.max_iterations) return false;
  while (static_cast<Index>(arrived_.size()) <= ticks) {
    chain_.step(x_);
    double arriving = 0.0;
    for (const Index target : targets_) {
      arriving += x_(target);
      x_(target) = 0.0;
    }
    arrived_.push_back(arrived_.back() + arriving);
    underway_.push_back(x_.sum());
  }
  return true;
}

PassageProbability FirstPassage::within(double time_s) {
  if (!(time_s >= 0.0) || !std::isfinite(time_s)) {
    throw std::invalid_argument(fmt::format("time {} s is not finite and >= 0", time_s));
  }
  PassageProbability result;
  result.method_requested = result.method_used = Method::kUniformization;
  const PoissonWeights poisson = poisson_weights(chain_.rate_per_s() * time_s, options_.tolerance);
  result.message =
      fmt::format("uniformization takes {} products, {} allowed", poisson.right(), options_.max_iterations);
  result.termination = Termination::kIterationLimit;
  if (!extend_to(poisson.right())) return result;
  // Beyond the window as much has arrived as at its end, at least; before it as much was underway as at its start.
  result.reached = poisson.right_mass * arrived_[static_cast<std::size_t>(poisson.right())];
  result.not_reached = poisson.left_mass * underway_[static_cast<std::size_t>(poisson.left)];
  for (Index k = poisson.left; k <= poisson.right(); ++k) {
    result.reached += poisson.weight(k - poisson.left) * arrived_[static_cast<std::size_t>(k)];
    result.not_reached += poisson.weight(k - poisson.left) * underway_[static_cast<std::size_t>(k)];
  }
  result.reached_error = poisson.lost_mass() + rounding(poisson) * result.reached;
  // What a step rounds was underway one step before.
  const double before = poisson.left == 0 ? 1.0 : underway_[static_cast<std::size_t>(poisson.left) - 1];
  result.not_reached_error = poisson.lost_mass() + rounding(poisson) * std::min(1.0, before);
  result.error_bound = std::max(result.reached_error, result.not_reached_error);
  result.iterations = static_cast<long long>(arrived_.size()) - 1;
  result.termination = Termination::kConverged;
  return result;
}

/// Relative: nothing is subtracted but the chance to stay, which errs in proportion to who stays, so that an error goes
/// where the probability goes. A weight follows from the mode by two roundings per step; summing costs one more each,
/// and so do the ticks and the states.
double FirstPassage::rounding(const PoissonWeights& poisson) const {
  const double terms = 3.0 * static_cast<double>(poisson.weight.size()) + static_cast<double>(poisson.right()) +
                       static_cast<double>(initial_.size());
  return chain_.rounding_bound(poisson.right()) + terms * 0.5 * std::numeric_limits<double>::epsilon();
}

PassageQuantile FirstPassage::quantile(double level) {
  if (!(level > 0.0 && level < 1.0)) throw std::invalid_argument(fmt::format("level {} is not between 0 and 1", level));
  if (!reach_probability_) reach_probability_ = probability_to_arrive(absorbing_, targets_, initial_);
  PassageQuantile result;
  result.method_requested = result.method_used = Method::kUniformization;
  result.termination = Termination::kConverged;
  result.error_bound = 0.0;
  result.message = "the level is reached at once or never";
  if (excess(level, 0.0) >= 0.0) return result;
  result.time_s = std::numeric_limits<double>::infinity();
  if (level >= *reach_probability_) return result;
  const double late_s = late_enough_s(level);
  if (std::isnan(late_s)) {
    result.termination = Termination::kIterationLimit;
    result.message = fmt::format("P(T <= t) does not reach {} within {} products", level, options_.max_iterations);
    return result;
  }
  result.time_s = find_root([&](double time_s) { return excess(level, time_s); }, 0.0, late_s, 1e-12);
  const PassageProbability there = within(result.time_s);
  result.iterations = there.iterations;
  result.error_bound = *there.error_bound + std::abs(excess(level, result.time_s));
  result.message = "bracketed to 1e-12 of the time";
  return result;
}

double FirstPassage::excess(double level, double time_s) {
  const PassageProbability there = within(time_s);
  if (!there.usable()) return std::numeric_limits<double>::quiet_NaN();
  return level <= 0.5 ? there.reached - level : (1.0 - level) - there.not_reached;
}

double FirstPassage::late_enough_s(double level) {
  for (double time_s = 1.0 / chain_.rate_per_s();; time_s *= 2.0) {
    const double value = excess(level, time_s);
    if (value >= 0.0) return time_s;
    if (std::isnan(value)) return value;
  }
}

}  // namespace windtunnel::solvers
