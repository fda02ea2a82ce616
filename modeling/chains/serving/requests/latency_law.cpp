// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/requests/latency_law.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace windtunnel::modeling {

namespace {

/// Cells per factor e, from a nanosecond on: neighbouring cells differ by 0.45 %.
constexpr double kCellsPerE = 222.0;
constexpr double kSmallest_s = 1e-9;
/// Up to about 3 x 10^8 s; the last cell holds all above.
constexpr int kCells = 9000;
/// Even spreads are cut into pieces no wider than a few cells.
constexpr int kMostPieces = 24;
/// A cell with more of the law is an atom (constant lengths), which no quantile cuts; so are cells further apart than
/// this factor.
constexpr double kAtomShare = 0.05;
constexpr double kWidestGap = 1.05;
/// Of what is left above, an atom of the tail takes at most this much.
constexpr double kTailShare = 0.5;

}  // namespace

LatencyLaw::LatencyLaw(double resolution)
    : resolution_(resolution), cells_(static_cast<std::size_t>(kCells * resolution)) {}

std::size_t LatencyLaw::cell_of(double value_s) const {
  if (!(value_s > kSmallest_s)) return 0;
  const double position = kCellsPerE * resolution_ * std::log(value_s / kSmallest_s);
  return std::min(cells_.size() - 1, static_cast<std::size_t>(position));
}

void LatencyLaw::add(double value_s, double weight) {
  if (weight <= 0.0) return;
  Cell& cell = cells_[cell_of(value_s)];
  cell.weight += weight;
  cell.sum += weight * value_s;
  weight_ += weight;
  sum_ += weight * value_s;
}

void LatencyLaw::add_uniform(double low_s, double high_s, double weight) {
  if (weight <= 0.0) return;
  const double width = high_s - low_s;
  const double cells = high_s > 0.0 ? kCellsPerE * resolution_ * width / high_s : 0.0;
  const int most = static_cast<int>(kMostPieces * resolution_);
  const int pieces = std::clamp(static_cast<int>(cells) + 1, 1, most);
  for (int i = 0; i < pieces; ++i) add(low_s + width * (i + 0.5) / pieces, weight / pieces);
}

void LatencyLaw::add_shifted(const LatencyLaw& other, double shift_s, double weight) {
  for (const Cell& cell : other.cells_)
    if (cell.weight > 0.0) add(cell.sum / cell.weight + shift_s, weight * cell.weight);
}

double LatencyLaw::quantile_s(double probability) const {
  const double goal = probability * weight_ * (1.0 - 1e-12);
  // A cell's mass stands around its mean: half of it below. Between neighbours the law is a straight line.
  const auto is_smooth = [&](const Cell& cell) { return cell.weight <= kAtomShare * weight_; };
  const Cell* last = nullptr;
  double before = 0.0, last_middle = 0.0;
  for (const Cell& cell : cells_) {
    if (cell.weight <= 0.0) continue;
    const double value_s = cell.sum / cell.weight, middle = before + 0.5 * cell.weight;
    if (last && middle >= goal) {
      const double last_s = last->sum / last->weight;
      if (is_smooth(cell) && is_smooth(*last) && value_s < kWidestGap * last_s)
        return last_s + (value_s - last_s) * std::max(0.0, goal - last_middle) / (middle - last_middle);
      return before >= goal ? last_s : value_s;
    }
    before += cell.weight;
    if (before >= goal && (!last || !is_smooth(cell))) return value_s;
    last = &cell;
    last_middle = middle;
  }
  return last ? last->sum / last->weight : std::numeric_limits<double>::quiet_NaN();
}

double LatencyLaw::probability_within(double value_s) const {
  if (weight_ <= 0.0) return 1.0;
  double within = 0.0;
  const std::size_t last = std::isfinite(value_s) ? cell_of(value_s) : cells_.size() - 1;
  for (std::size_t i = 0; i < last; ++i) within += cells_[i].weight;
  const Cell& cell = cells_[last];
  if (cell.weight > 0.0 && cell.sum <= value_s * cell.weight * (1.0 + 1e-12)) within += cell.weight;
  return std::min(1.0, within / weight_);
}

LatencyNumbers LatencyLaw::numbers() const {
  if (is_empty()) {
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    return {unknown, unknown, unknown, unknown};
  }
  return {mean_s(), quantile_s(0.5), quantile_s(0.9), quantile_s(0.99)};
}

std::vector<LatencyLaw::Atom> LatencyLaw::condensed(int most) const {
  std::vector<Atom> atoms;
  Cell open;
  const double share = weight_ / most;
  double left = weight_;
  for (const Cell& cell : cells_) {
    if (cell.weight <= 0.0) continue;
    open.weight += cell.weight;
    open.sum += cell.sum;
    left -= cell.weight;
    // Finer and finer into the tail, down to a thousandth.
    if (open.weight < std::min(share, std::max(kTailShare * left, 1e-3 * weight_))) continue;
    atoms.push_back({open.sum / open.weight, open.weight});
    open = {};
  }
  if (open.weight > 0.0) atoms.push_back({open.sum / open.weight, open.weight});
  return atoms;
}

}  // namespace windtunnel::modeling
