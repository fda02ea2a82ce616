// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/derivative_bounds.h"

#include <algorithm>
#include <cmath>

#include "solvers/long_run/certified_average.h"
#include "solvers/passage/certified_boundary_value.h"

namespace windtunnel::solvers {
namespace {

// A row of k terms in doubles: each product and sum errs by at most 2^-53 relative, and so do the bounds.
constexpr double kRoundoff = 0x1p-52;

Index likeliest(const std::vector<Index>& members, const Vector& time) {
  return *std::max_element(members.begin(), members.end(), [&](Index a, Index b) { return time(a) < time(b); });
}

}  // namespace

DerivativeBounds::DerivativeBounds(const LabelledChain& chain, const Sensitivity& sensitivity)
    : chain_(chain), sensitivity_(sensitivity), error_(sensitivity.worth_error) {
  for (const std::vector<Index>& members : sensitivity.ends) bound_bias(members);
}

/// Off by d, the bias has Q d = e with |e| at most the largest residual: from state to state d differs by what of e is
/// earned on the way, at most |e| times the mean time to the likeliest state.
void DerivativeBounds::bound_bias(const std::vector<Index>& members) {
  for (const Index i : members) error_(i) = 0.0;
  if (members.size() == 1) return;
  const Generator& q = chain_.generator;
  double lowest = HUGE_VAL;
  double highest = -HUGE_VAL;
  for (const Index i : members) {
    const Enclosure drift = drift_at(q.outgoing().row(i), i, sensitivity_.reward_per_s(i), sensitivity_.bias);
    lowest = std::min(lowest, drift.lower());
    highest = std::max(highest, drift.upper());
  }
  // The average lies between both, too.
  const double residual = std::nextafter(highest - lowest, HUGE_VAL);
  std::vector<Index> others = members;
  std::erase(others, likeliest(members, sensitivity_.time));
  const BoundaryValue time =
      solve_boundary_value(q, others, others, Vector::Ones(q.states()), Vector::Zero(q.states()));
  for (const Index i : others) error_(i) = residual * time.bounds(i).upper * (1.0 + kRoundoff);
}

DerivativeBounds::Slope DerivativeBounds::slope(const ChainChange& change) const {
  Slope slope{Vector::Zero(chain_.states()), Vector::Zero(chain_.states())};
  for (const Index i : sensitivity_.passing) add_state(i, change, slope);
  for (const std::vector<Index>& members : sensitivity_.ends) {
    for (const Index i : members) add_state(i, change, slope);
  }
  return slope;
}

void DerivativeBounds::add_state(Index i, const ChainChange& change, Slope& slope) const {
  const SparseRates& rates = chain_.generator.outgoing();
  const PreciseVector& h = sensitivity_.settled[static_cast<std::size_t>(i)] ? sensitivity_.bias : sensitivity_.worth;
  const auto begin = static_cast<std::size_t>(rates.begin[static_cast<std::size_t>(i)]);
  const auto end = static_cast<std::size_t>(rates.begin[static_cast<std::size_t>(i) + 1]);
  double value = change.reward_per_s(i);
  double error = change.reward_error(i);
  double size = std::abs(value);
  for (std::size_t e = begin; e < end; ++e) {
    if (change.rate[e] == 0.0 && change.rate_error[e] == 0.0) continue;
    const DoubleDouble difference = h(rates.state[e]) - h(i);
    const double gain = difference.high + difference.low;
    const double gain_error = error_(i) + error_(rates.state[e]);
    value += change.rate[e] * gain;
    size += std::abs(change.rate[e] * gain);
    error += std::abs(change.rate[e]) * gain_error + change.rate_error[e] * (std::abs(gain) + gain_error);
  }
  slope.value(i) = value;
  slope.error(i) = (error + 2.0 * static_cast<double>(end - begin + 2) * kRoundoff * size) * (1.0 + 1e-12);
}

Interval DerivativeBounds::settled(const std::vector<Index>& members, const Slope& slope) const {
  const Index first = members.front();
  if (members.size() == 1) return {slope.value(first) - slope.error(first), slope.value(first) + slope.error(first)};
  const PartialChain part(chain_.generator, members);
  const Interval average = solve_certified_average(part, slope.value).bounds;
  const double error = solve_certified_average(part, slope.error).bounds.upper;
  return {average.lower - error, average.upper + error};
}

Interval DerivativeBounds::passing(const Slope& slope, const std::vector<Interval>& ends) const {
  const Generator& q = chain_.generator;
  const Index initial = chain_.initial;
  Vector value = Vector::Zero(q.states());
  Vector error = Vector::Zero(q.states());
  for (std::size_t k = 0; k < ends.size(); ++k) {
    const double middle = 0.5 * ends[k].lower + 0.5 * ends[k].upper;
    for (const Index i : sensitivity_.ends[k]) {
      value(i) = middle;
      error(i) = std::nextafter(std::max(ends[k].upper - middle, middle - ends[k].lower), HUGE_VAL);
    }
  }
  const auto bounds = [&](const Vector& reward, const Vector& outside) {
    return solve_boundary_value(q, sensitivity_.passing, {initial}, reward, outside).bounds(initial);
  };
  const Interval derivative = bounds(slope.value, value);
  const double uncertainty = bounds(slope.error, error).upper;
  return {derivative.lower - uncertainty, derivative.upper + uncertainty};
}

Interval DerivativeBounds::of(const ChainChange& change) const {
  const Slope r = slope(change);
  if (r.value.isZero(0.0) && r.error.isZero(0.0)) return {0.0, 0.0};
  if (!r.error.allFinite() || !r.value.allFinite()) return {-HUGE_VAL, HUGE_VAL};
  std::vector<Interval> ends;
  for (const std::vector<Index>& members : sensitivity_.ends) ends.push_back(settled(members, r));
  if (!sensitivity_.passing.empty()) return passing(r, ends);
  return ends.empty() ? Interval{0.0, 0.0} : ends.front();
}

}  // namespace windtunnel::solvers
