// SPDX-License-Identifier: Apache-2.0
#include "solvers/transient/clocked_chain.h"

#include <Eigen/SparseCholesky>
#include <Eigen/SparseLU>
#include <algorithm>
#include <cmath>

namespace windtunnel::solvers {
namespace {

std::vector<Index> members_of(const PartialChain& part) {
  std::vector<Index> members(static_cast<std::size_t>(part.states()));
  for (Index k = 0; k < part.states(); ++k) members[static_cast<std::size_t>(k)] = part.member(k);
  return members;
}

/// The rows of the part, each with the clock; one more state is where the clock rings.
Generator with_clock(const PartialChain& part, double clock_per_s) {
  const Index states = part.whole().states();
  std::vector<bool> inside(static_cast<std::size_t>(states), false);
  for (Index k = 0; k < part.states(); ++k) inside[static_cast<std::size_t>(part.member(k))] = true;
  GeneratorBuilder builder;
  for (Index i = 0; i < states; ++i) {
    if (inside[static_cast<std::size_t>(i)]) {
      for (const auto [to, rate] : part.whole().outgoing().row(i)) builder.add(to, rate);
      builder.add(states, clock_per_s);
    }
    builder.finish_state();
  }
  builder.finish_state();
  return std::move(builder).build();
}

using SparseMatrix = Eigen::SparseMatrix<double>;

/// diag(exit) - rates: every row dominated by its diagonal.
SparseMatrix system_of(const PartialChain& part) {
  std::vector<Eigen::Triplet<double>> entries;
  entries.reserve(static_cast<std::size_t>(part.rates().size() + part.states()));
  for (Index i = 0; i < part.states(); ++i) {
    entries.emplace_back(static_cast<int>(i), static_cast<int>(i), part.exit_per_s()(i));
    for (const auto [to, rate] : part.rates().row(i)) entries.emplace_back(static_cast<int>(i), to, -rate);
  }
  SparseMatrix matrix(part.states(), part.states());
  matrix.setFromTriplets(entries.begin(), entries.end());
  return matrix;
}

/// Counts what a factorisation would cost, without making one.
class Fill : public Eigen::SimplicialLLT<SparseMatrix> {
 public:
  explicit Fill(const SparseMatrix& pattern) { analyzePattern(pattern); }
  /// Multiplications of an unsymmetric factorisation of that pattern, about.
  double operations() const { return 2.0 * m_nonZerosPerCol.cast<double>().squaredNorm(); }
};

// Factorisations that take longer, some seconds, are left alone.
constexpr double kMostOperations = 6e9;
constexpr Index kMostFactoredStates = 200'000;
// Corrections of a solution that gains at least three digits each time.
constexpr int kMostCorrections = 15;

// Below this a residual is the rounding of its own evaluation (drift.h), with room.
double residual_floor(const PartialChain& part, double clock_per_s, double size) {
  const double rate = part.exit_per_s().maxCoeff() + clock_per_s;
  return 64.0 * static_cast<double>(longest_row(part.rates()) + 8) * 0x1p-106 * rate * size;
}

}  // namespace

/// A sparse LU factorisation; null where it would not stay sparse.
class ClockedChain::Factors {
 public:
  static std::unique_ptr<Factors> of(const PartialChain& part) {
    if (part.states() > kMostFactoredStates) return nullptr;
    const SparseMatrix system = system_of(part);
    const SparseMatrix transposed = system.transpose();
    if (Fill(system + transposed).operations() > kMostOperations) return nullptr;
    auto factors = std::make_unique<Factors>();
    // No pivoting is needed where the diagonal dominates.
    factors->lu_.setPivotThreshold(0.0);
    factors->lu_.analyzePattern(system);
    factors->lu_.factorize(system);
    return factors->lu_.info() == Eigen::Success ? std::move(factors) : nullptr;
  }
  Vector solve(const Vector& right) const { return lu_.solve(right); }

 private:
  Eigen::SparseLU<SparseMatrix, Eigen::AMDOrdering<int>> lu_;
};

ClockedChain::~ClockedChain() = default;

ClockedChain::ClockedChain(const PartialChain& part, const StateSet& target, double clock_per_s)
    : part_(part),
      target_(target),
      clock_per_s_(clock_per_s),
      chain_(with_clock(part, clock_per_s)),
      clocked_(chain_, members_of(part)) {
  factors_ = Factors::of(clocked_);
  if (!factors_) solver_.emplace(clocked_, BackwardOptions{});
}

double ClockedChain::solve(const Vector& reward, double target_per_s, PreciseVector& h) {
  double residual_per_s = HUGE_VAL;
  const auto good_enough = [&](const Residuals& left) {
    residual_per_s = std::max(left.highest(), -left.lowest());
    return residual_per_s <= target_per_s;
  };
  if (solver_) {
    solver_->solve(reward, target_per_s, good_enough, h);
    return residual_per_s;
  }
  for (int k = 0; k < kMostCorrections; ++k) {
    const Residuals left = residuals_of(clocked_, reward, h);
    if (good_enough(left)) return residual_per_s;
    const Vector d = factors_->solve(left.value);
    for (Index i = 0; i < d.size(); ++i) h.add(clocked_.member(i), d(i));
  }
  good_enough(residuals_of(clocked_, reward, h));
  return residual_per_s;
}

double ClockedChain::add(const Vector& change, double left_out, PreciseVector& h) const {
  double error = left_out;
  for (Index k = 0; k < part_.states(); ++k) {
    const Index state = part_.member(k);
    h.add(state, change(state));
    error = std::max(error, left_out + 0x1p-103 * std::abs(h.high(state)));
  }
  return 2.0 * (part_.exit_per_s().maxCoeff() + clock_per_s_) * error * (1.0 + 0x1p-40);
}

ClockedValue ClockedChain::value(const Vector& v, const Vector& reward_per_s, bool with_target, double target_per_s) {
  // clock * v + g to twice the digits: what rounding would take from g is earned for the whole of the time.
  Vector reward = Vector::Zero(chain_.states());
  Vector reward_rest = Vector::Zero(chain_.states());
  PreciseVector h(Vector::Zero(chain_.states()));
  if (with_target) {
    for (std::size_t i = 0; i < target_.size(); ++i) h.high(static_cast<Index>(i)) = target_[i] ? 1.0 : 0.0;
  }
  for (Index k = 0; k < part_.states(); ++k) {
    const double earned_per_s = reward_per_s.size() == 0 ? 0.0 : reward_per_s(k);
    const DoubleDouble sum = two_sum(clock_per_s_ * v(k), earned_per_s);
    reward(part_.member(k)) = sum.high;
    reward_rest(part_.member(k)) = sum.low;
    h.high(part_.member(k)) = v(k);
  }
  const double size = std::max(v.lpNorm<Eigen::Infinity>(), with_target ? 1.0 : 0.0);
  const double wanted = std::max(target_per_s, residual_floor(part_, clock_per_s_, size));
  ClockedValue result{.residual_per_s = solve(reward, wanted, h)};
  if (reward_rest.lpNorm<Eigen::Infinity>() > 0.1 * wanted) {
    PreciseVector rest(Vector::Zero(chain_.states()));
    result.residual_per_s += solve(reward_rest, wanted, rest) + add(rest.high, rest.low.lpNorm<Eigen::Infinity>(), h);
  } else {
    result.residual_per_s += reward_rest.lpNorm<Eigen::Infinity>();
  }
  result.x = PreciseVector(part_.part_of(h.high.head(part_.whole().states())));
  result.x.low = part_.part_of(h.low.head(part_.whole().states()));
  if (!std::isfinite(result.residual_per_s)) result.residual_per_s = HUGE_VAL;
  result.solved = result.residual_per_s <= 8.0 * wanted;
  return result;
}

}  // namespace windtunnel::solvers
