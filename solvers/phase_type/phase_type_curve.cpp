// SPDX-License-Identifier: Apache-2.0
#include "solvers/phase_type/phase_type_curve.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "solvers/numerics/poisson_expectation.h"
#include "solvers/numerics/root_finding.h"

namespace windtunnel::solvers {
namespace {

using RateIterator = PhaseType::Rates::InnerIterator;

// Three numbers are kept per jump: 96 MB at this limit, where squaring costs 22 products of small matrices instead.
constexpr double kMostJumps = 4e6;

// exp(A t) for an absorbing chain with the ended state as last column: entries >= 0, no subtraction. The series of the
// short step has q h <= 1/2; 18 terms leave (1/2)^18 / 18! < 1e-21.
Eigen::MatrixXd absorbing_exponential(const PhaseType& x, double rate_per_s, double elapsed_s) {
  const int n = x.phases();
  const int squarings = std::max(0, static_cast<int>(std::ceil(std::log2(2.0 * rate_per_s * elapsed_s))));
  const double mean_jumps = std::ldexp(rate_per_s * elapsed_s, -squarings);
  Eigen::MatrixXd jump = Eigen::MatrixXd::Zero(n + 1, n + 1);
  jump.topLeftCorner(n, n) = Eigen::MatrixXd(x.rate_per_s()) / rate_per_s;
  jump.topRightCorner(n, 1) = x.exit_per_s() / rate_per_s;
  jump.diagonal().head(n).array() = (rate_per_s - x.leave_per_s().array()) / rate_per_s;
  jump(n, n) = 1.0;
  Eigen::MatrixXd term = Eigen::MatrixXd::Identity(n + 1, n + 1) * std::exp(-mean_jumps), total = term;
  for (int k = 1; k <= 18; ++k) {
    term = (term * jump * (mean_jumps / k)).eval();
    total += term;
  }
  for (int k = 0; k < squarings; ++k) {
    total = (total * total).eval();
    // Rows sum to 1; dividing keeps the doubling of rounding errors from reaching the sum.
    total.array().colwise() /= total.rowwise().sum().array().eval();
  }
  return total;
}

}  // namespace

PhaseTypeCurve::PhaseTypeCurve(PhaseType duration) : duration_(std::move(duration)) {
  if (duration_.phases() > 0) uniform_rate_per_s_ = duration_.leave_per_s().maxCoeff();
  phase_ = duration_.initial();
  next_ = phase_;
  stay_ = (uniform_rate_per_s_ - duration_.leave_per_s().array()) / uniform_rate_per_s_;
  exit_ = duration_.exit_per_s() / uniform_rate_per_s_;
  to_next_ = Eigen::VectorXd::Zero(phase_.size());
  for (int i = 0; i < duration_.phases(); ++i)
    for (RateIterator entry(duration_.rate_per_s(), i); entry; ++entry) {
      const double probability = entry.value() / uniform_rate_per_s_;
      if (entry.col() == i + 1)
        to_next_(i) = probability;
      else
        jumps_.push_back({i, static_cast<int>(entry.col()), probability});
    }
  survives_ = {phase_.sum()};
  ended_ = {duration_.atom()};
  ends_at_ = {phase_.dot(exit_)};
}

bool PhaseTypeCurve::too_many_jumps(double elapsed_s) const {
  return uniform_rate_per_s_ * elapsed_s > kMostJumps;
}

PhaseTypeCurve::Values PhaseTypeCurve::by_squaring(double elapsed_s) const {
  const Eigen::MatrixXd power = absorbing_exponential(duration_, uniform_rate_per_s_, elapsed_s);
  const int n = duration_.phases();
  const Eigen::RowVectorXd now = duration_.initial().transpose() * power.topRows(n);
  return {.survival = now.head(n).sum(),
          .cdf = duration_.atom() + now(n),
          .density_per_s = now.head(n).dot(duration_.exit_per_s().transpose())};
}

// Once nothing is left in the phases, later jumps add nothing and are not stored. Denormal numbers, which have lost
// their digits and are slow to work with, count as nothing.
void PhaseTypeCurve::extend_to(long jumps) {
  if (static_cast<long>(survives_.capacity()) <= jumps)
    for (auto* by_jumps : {&survives_, &ended_, &ends_at_})
      by_jumps->reserve(static_cast<std::size_t>(jumps + jumps / 2 + 64));
  while (static_cast<long>(survives_.size()) <= jumps && survives_.back() > 0.0) {
    const Eigen::Index n = phase_.size();
    next_ = phase_.cwiseProduct(stay_);
    next_.tail(n - 1) += phase_.head(n - 1).cwiseProduct(to_next_.head(n - 1));
    for (const Jump& jump : jumps_) next_(jump.to) += phase_(jump.from) * jump.probability;
    if (survives_.size() % 16 == 0) next_ = (next_.array() < std::numeric_limits<double>::min()).select(0.0, next_);
    phase_.swap(next_);
    ended_.push_back(std::min(1.0, ended_.back() + ends_at_.back()));
    survives_.push_back(phase_.sum());
    ends_at_.push_back(phase_.dot(exit_));
  }
}

double PhaseTypeCurve::survival(double t_s) {
  const double elapsed_s = t_s - duration_.shift_s();
  if (elapsed_s < 0.0) return 1.0;
  if (duration_.phases() == 0) return 0.0;
  if (too_many_jumps(elapsed_s)) return by_squaring(elapsed_s).survival;
  // Fewer jumps, more survival: 1 bounds below, the value itself above.
  const auto value = [this](long j) { return survives(j); };
  return poisson_expectation(
      uniform_rate_per_s_ * elapsed_s, value, [](long) { return 1.0; }, value);
}

double PhaseTypeCurve::cdf(double t_s) {
  const double elapsed_s = t_s - duration_.shift_s();
  if (elapsed_s < 0.0) return 0.0;
  if (duration_.phases() == 0) return 1.0;
  if (too_many_jumps(elapsed_s)) return by_squaring(elapsed_s).cdf;
  const auto value = [this](long j) { return ended(j); };
  return std::min(1.0, poisson_expectation(uniform_rate_per_s_ * elapsed_s, value, value, [](long) { return 1.0; }));
}

double PhaseTypeCurve::density_per_s(double t_s) {
  const double elapsed_s = t_s - duration_.shift_s();
  if (elapsed_s < 0.0 || duration_.phases() == 0) return 0.0;
  if (too_many_jumps(elapsed_s)) return by_squaring(elapsed_s).density_per_s;
  const auto value = [this](long j) { return ends_at(j); };
  const auto bound_above = [this](long j) { return survives(j); };
  const double jump_density = poisson_expectation(
      uniform_rate_per_s_ * elapsed_s, value, [](long) { return 1.0; }, bound_above);
  return uniform_rate_per_s_ * jump_density;
}

double PhaseTypeCurve::quantile_s(double probability) {
  if (!(probability >= 0.0 && probability < 1.0))
    throw std::invalid_argument(
        fmt::format("quantile of probability {}, expected at least 0 and below 1", probability));
  if (probability <= duration_.atom()) return duration_.shift_s();
  return probability > 0.5 ? solve(true, 1.0 - probability) : solve(false, probability);
}

double PhaseTypeCurve::upper_quantile_s(double probability) {
  if (!(probability > 0.0 && probability <= 1.0))
    throw std::invalid_argument(
        fmt::format("upper quantile of probability {}, expected above 0 and at most 1", probability));
  if (probability >= 1.0 - duration_.atom()) return duration_.shift_s();
  return probability > 0.5 ? solve(false, 1.0 - probability) : solve(true, probability);
}

// Root of log(survival) or log(F) against the target's logarithm, which is nearly straight in the tails. The bracket
// grows from the mean of the phases by doubling.
double PhaseTypeCurve::solve(bool upper, double probability) {
  const double shift_s = duration_.shift_s();
  const auto excess = [&](double elapsed_s) {
    const double value = upper ? survival(shift_s + elapsed_s) : cdf(shift_s + elapsed_s);
    return upper ? std::log(probability) - std::log(value) : std::log(value) - std::log(probability);
  };
  double low_s = duration_.mean_s() - shift_s, high_s = low_s;
  while (excess(low_s) > 0.0) low_s *= 0.5;
  while (excess(high_s) < 0.0) high_s *= 2.0;
  if (low_s == high_s) return shift_s + low_s;
  return shift_s + find_root(excess, low_s, high_s, 1e-13);
}

}  // namespace windtunnel::solvers
