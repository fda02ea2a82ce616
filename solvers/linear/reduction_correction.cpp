// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/reduction_correction.h"

namespace windtunnel::solvers {
namespace {

// Half a second in full; a fifth of a second in the band, where sweeps tend to do well too.
constexpr Index kCheapFullStates = 2'000;
constexpr double kCheapBandOperations = 3e8;
constexpr double kCheapBandBytes = 2e8;

}  // namespace

ReductionCorrection::ReductionCorrection(const SparseRates& rates, const Vector& killing_per_s, bool closed)
    : states_(rates.rows()) {
  if (!closed) {
    reduction_ = std::make_unique<StateReduction>(rates, killing_per_s);
    return;
  }
  pinned_ = 0;
  if (states_ == 1) return;
  const StateReduction whole(rates, Vector::Zero(states_));
  if (!whole.stuck_state()) {
    stationary_ = whole.stationary();
    stationary_error_ratio_ = whole.relative_error_bound();
    stationary_.maxCoeff(&pinned_);
  }
  SparseRates others;
  Vector into_pinned = Vector::Zero(states_ - 1);
  for (Index i = 0; i < states_; ++i) {
    if (i == pinned_) continue;
    for (const auto [to, rate] : rates.row(i)) {
      if (to == pinned_) {
        into_pinned(i - (i > pinned_)) += rate;
      } else {
        others.state.push_back(to - (to > pinned_));
        others.rate_per_s.push_back(rate);
      }
    }
    others.begin.push_back(static_cast<std::int64_t>(others.state.size()));
  }
  reduction_ = std::make_unique<StateReduction>(others, into_pinned);
}

void ReductionCorrection::improve(const Vector& residual, Vector& d) const {
  if (!usable() || !reduction_) return;
  if (pinned_ < 0) {
    d = reduction_->cost_until_killed(residual);
    return;
  }
  Vector right(states_ - 1);
  right << residual.head(pinned_), residual.tail(states_ - 1 - pinned_);
  const Vector others = reduction_->cost_until_killed(right);
  d(pinned_) = 0.0;
  d.head(pinned_) = others.head(pinned_);
  d.tail(states_ - 1 - pinned_) = others.tail(states_ - 1 - pinned_);
}

SparseReductionCorrection::SparseReductionCorrection(const SparseRates& rates, const Vector& killing_per_s,
                                                     ReductionPattern pattern, bool closed)
    : reduction_(rates, killing_per_s, std::move(pattern)) {
  if (!closed || rates.rows() < 2 || !usable()) return;
  stationary_ = reduction_.stationary();
  stationary_error_ratio_ = reduction_.relative_error_bound();
}

void SparseReductionCorrection::improve(const Vector& residual, Vector& d) const {
  if (usable()) d = reduction_.cost_until_left(residual);
}

bool reduction_is_cheap(const SparseRates& rates) {
  const ReductionCost cost = reduction_cost(rates.rows(), bandwidth(rates));
  const bool cheap_band = cost.operations <= kCheapBandOperations && cost.memory_bytes <= kCheapBandBytes;
  return rates.rows() <= kCheapFullStates || (cost.banded && cheap_band);
}

}  // namespace windtunnel::solvers
