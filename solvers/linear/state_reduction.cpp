// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/state_reduction.h"

#include <algorithm>
#include <limits>

#include "solvers/numerics/scaled_number.h"

namespace windtunnel::solvers {
namespace {

using RowMajorMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Block = Eigen::Map<RowMajorMatrix, Eigen::Unaligned, Eigen::OuterStride<>>;

// States per panel: 32 rows of 2,000 doubles stay in the second-level cache; measured best among 16, 32 and 64.
constexpr Index kPanel = 32;

Index panel_states(Index states, const Bandwidth& band) {
  const Index narrow = std::min({band.lower, band.upper, states});
  return narrow >= 2 * kPanel ? kPanel : 1;
}

// A panel reaches panel - 1 places further than a single state.
Index padded_width(Index states, const Bandwidth& band) {
  return band.lower + band.upper + 2 * panel_states(states, band) - 1;
}

}  // namespace

ReductionCost reduction_cost(Index states, const Bandwidth& band) {
  const auto n = static_cast<double>(states);
  const Index width = padded_width(states, band);
  ReductionCost cost;
  cost.banded = width < states;
  const double lower = static_cast<double>(band.lower) + 1.0;
  const double upper = static_cast<double>(band.upper) + 1.0;
  cost.operations = cost.banded ? n * lower * upper : n * n * n / 3.0;
  cost.memory_bytes = 8.0 * n * static_cast<double>(cost.banded ? width : states);
  return cost;
}

StateReduction::StateReduction(const SparseRates& rates, const Vector& killing_per_s, Storage storage)
    : states_(rates.rows()),
      lower_(bandwidth(rates).lower),
      upper_(bandwidth(rates).upper),
      killed_((killing_per_s.array() > 0.0).any()),
      exit_per_s_(Vector::Zero(rates.rows())),
      killed_probability_(killing_per_s) {
  choose_storage(storage);
  for (Index i = 0; i < states_; ++i) {
    for (const auto [to, value] : rates.row(i)) rate(i, to) = value;
  }
  reduce();
}

void StateReduction::choose_storage(Storage storage) {
  const Bandwidth band{lower_, upper_};
  banded_ = storage == Storage::kBanded || (storage == Storage::kAutomatic && reduction_cost(states_, band).banded);
  if (!banded_) lower_ = upper_ = states_ - 1;
  panel_ = panel_states(states_, {lower_, upper_});
  stride_ = banded_ ? std::max<Index>(1, padded_width(states_, band) - 1) : states_;
  offset_ = banded_ ? lower_ + panel_ - 1 : 0;
  // Row i of the band starts at i * (stride + 1), one further per row than in a full matrix.
  const Index entries = banded_ ? (states_ + 1) * (stride_ + 1) + offset_ : states_ * states_;
  data_.assign(static_cast<std::size_t>(entries), 0.0);
}

void StateReduction::reduce() {
  for (Index last = states_; last > 1 && !stuck_;) {
    const Index first = std::max<Index>(1, last - panel_);
    reduce_panel(first, last);
    last = first;
  }
  exit_per_s_(0) = killed_probability_(0);
  killed_probability_(0) = killed_ ? 1.0 : 0.0;
  if (!stuck_ && killed_ && !(exit_per_s_(0) > 0.0)) stuck_ = 0;
}

void StateReduction::reduce_panel(Index first, Index last) {
  for (Index state = last - 1; state >= first && !stuck_; --state) reduce_state(state, first);
  if (!stuck_) update_below(first, last);
}

// Takes `state` out; what it hands to states below the panel is left to update_below, all at once for the panel.
void StateReduction::reduce_state(Index state, Index panel_first) {
  const Index target = first_target(state);
  Eigen::Map<Eigen::RowVectorXd> to(&rate(state, target), state - target);
  exit_per_s_(state) = to.sum() + killed_probability_(state);
  if (!(exit_per_s_(state) > 0.0) || exit_per_s_(state) > std::numeric_limits<double>::max()) {
    stuck_ = state;
    return;
  }
  to /= exit_per_s_(state);
  killed_probability_(state) /= exit_per_s_(state);
  for (Index i = first_origin(state); i < state; ++i) {
    const double inflow = rate(i, state);
    if (inflow == 0.0) continue;
    killed_probability_(i) += inflow * killed_probability_(state);
    const Index from = i < panel_first ? std::max(panel_first, target) : target;
    Eigen::Map<Eigen::RowVectorXd> row(&rate(i, from), state - from);
    row += inflow * to.tail(state - from);
  }
}

// rates(below, below) += rates(below, panel) * probabilities(panel, below).
void StateReduction::update_below(Index first, Index last) {
  const Index origin = first_origin(first);
  const Index target = first_target(first);
  if (origin == first || target == first) return;
  const Eigen::OuterStride<> stride(stride_);
  const Block inflow(&rate(origin, first), first - origin, last - first, stride);
  const Block onward(&rate(first, target), last - first, first - target, stride);
  Block(&rate(origin, target), first - origin, first - target, stride).noalias() += inflow * onward;
}

Vector StateReduction::stationary() const {
  std::vector<ScaledNumber> weight(static_cast<std::size_t>(states_));
  weight[0] = ScaledNumber(1.0);
  for (Index k = 1; k < states_; ++k) {
    ScaledNumber inflow;
    for (Index i = first_origin(k); i < k; ++i) {
      if (rate(i, k) > 0.0) inflow += weight[static_cast<std::size_t>(i)] * rate(i, k);
    }
    weight[static_cast<std::size_t>(k)] = inflow / exit_per_s_(k);
  }
  return scaled_to_one(weight);
}

Vector StateReduction::cost_until_killed(Vector cost_per_s) const {
  Vector& h = cost_per_s;
  for (Index k = states_ - 1; k >= 0; --k) {
    h(k) /= exit_per_s_(k);
    for (Index i = first_origin(k); i < k; ++i) h(i) += rate(i, k) * h(k);
  }
  for (Index k = 1; k < states_; ++k) {
    for (Index j = first_target(k); j < k; ++j) h(k) += rate(k, j) * h(j);
  }
  return h;
}

Vector StateReduction::time_until_killed(Vector initial) const {
  Vector& y = initial;
  for (Index k = states_ - 1; k > 0; --k) {
    for (Index j = first_target(k); j < k; ++j) y(j) += y(k) * rate(k, j);
  }
  for (Index k = 0; k < states_; ++k) {
    for (Index i = first_origin(k); i < k; ++i) y(k) += y(i) * rate(i, k);
    y(k) /= exit_per_s_(k);
  }
  return y;
}

double StateReduction::relative_error_bound() const {
  constexpr double u = 0.5 * std::numeric_limits<double>::epsilon();
  const auto n = static_cast<double>(states_);
  // pi_k = pi_(k-1) up_(k-1) / down_k: 2 k roundings, twice for the quotient by the sum, and n for the sum and its
  // quotient.
  if (lower_ <= 1 && upper_ <= 1 && !killed_) return (5.0 * n + 2.0) * u;
  double roundings = n + 1.0;
  for (Index k = 1; k < states_; ++k) {
    roundings += 2.0 * static_cast<double>(k + 1) * static_cast<double>(std::min(k, lower_) + std::min(k, upper_) + 6);
  }
  return roundings * u;
}

}  // namespace windtunnel::solvers
