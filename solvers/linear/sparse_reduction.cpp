// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/sparse_reduction.h"

#include <Eigen/OrderingMethods>
#include <Eigen/SparseCore>
#include <algorithm>
#include <cmath>
#include <limits>

#include "solvers/numerics/scaled_number.h"

namespace windtunnel::solvers {
namespace {

// About ten seconds, and a gigabyte of factors at 20 bytes per neighbour.
constexpr double kMostOperations = 1e10;
constexpr std::int64_t kMostNeighbours = 50'000'000;

std::size_t slot(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

std::vector<Index> least_degree_order(const SparseRates& rates) {
  const auto states = static_cast<int>(rates.rows());
  std::vector<Eigen::Triplet<double, int>> entries;
  entries.reserve(slot(rates.size() + states));
  for (int i = 0; i < states; ++i) {
    entries.emplace_back(i, i, 1.0);
    for (const auto [to, rate] : rates.row(i)) entries.emplace_back(i, to, 1.0);
  }
  Eigen::SparseMatrix<double> matrix(states, states);
  matrix.setFromTriplets(entries.begin(), entries.end());
  Eigen::PermutationMatrix<Eigen::Dynamic, Eigen::Dynamic, int> permutation;
  Eigen::AMDOrdering<int>()(matrix, permutation);
  return {permutation.indices().begin(), permutation.indices().end()};
}

}  // namespace

ReductionPattern::ReductionPattern(const SparseRates& rates, Index last) : step_of_(slot(rates.rows())) {
  choose_order(rates, last);
  find_neighbours(rates);
}

void ReductionPattern::choose_order(const SparseRates& rates, Index last) {
  order_ = least_degree_order(rates);
  if (last >= 0) {
    order_.erase(std::find(order_.begin(), order_.end(), last));
    order_.push_back(last);
  }
  for (std::size_t step = 0; step < order_.size(); ++step) step_of_[slot(order_[step])] = static_cast<Index>(step);
}

/// Neighbours left at a step: those of the chain, and those that states taken out earlier handed down. A state
/// hands down to the first of its neighbours to go.
void ReductionPattern::find_neighbours(const SparseRates& rates) {
  const SparseRates incoming = transposed(rates);
  std::vector<std::vector<std::int32_t>> handed_down_by(order_.size());
  std::vector<std::int32_t> seen(order_.size(), -1);
  begin_.assign(1, 0);
  for (Index step = 0; step < states() && affordable_; ++step) {
    const auto mark = static_cast<std::int32_t>(step);
    const auto add = [&](Index other) {
      if (other <= step || seen[slot(other)] == mark) return;
      seen[slot(other)] = mark;
      neighbours_.push_back(static_cast<std::int32_t>(other));
    };
    for (const auto [to, rate] : rates.row(state(step))) add(step_of(to));
    for (const auto [from, rate] : incoming.row(state(step))) add(step_of(from));
    for (const std::int32_t earlier : handed_down_by[slot(step)]) {
      for (std::int64_t p = begin(earlier); p < begin(earlier + 1); ++p) add(neighbours_[slot(p)]);
    }
    std::sort(neighbours_.begin() + begin_.back(), neighbours_.end());
    const auto count = static_cast<double>(static_cast<std::int64_t>(neighbours_.size()) - begin_.back());
    if (count > 0.0) handed_down_by[slot(neighbours_[slot(begin_.back())])].push_back(mark);
    begin_.push_back(static_cast<std::int64_t>(neighbours_.size()));
    operations_ += count * count;
    affordable_ = operations_ <= kMostOperations && begin_.back() <= kMostNeighbours;
  }
}

/// The row and the column of one state in the chain that is left, by step; 0 between two states.
struct SparseReduction::Row {
  explicit Row(Index states) : out(Vector::Zero(states)), in(Vector::Zero(states)) {}

  Vector out;
  Vector in;
};

SparseReduction::SparseReduction(const SparseRates& rates, const Vector& killing_per_s, ReductionPattern pattern)
    : pattern_(std::move(pattern)),
      killed_((killing_per_s.array() > 0.0).any()),
      onward_(pattern_.neighbours().size()),
      inflow_per_s_(pattern_.neighbours().size()),
      exit_per_s_(Vector::Zero(rates.rows())),
      killed_probability_(rates.rows()) {
  const Index states = rates.rows();
  const SparseRates incoming = transposed(rates);
  for (Index step = 0; step < states; ++step) killed_probability_(step) = killing_per_s(pattern_.state(step));
  Row row(states);
  // States taken out, by the next of their neighbours to go; and the position of that neighbour.
  std::vector<std::vector<std::int32_t>> waiting(slot(states));
  std::vector<std::int64_t> next(slot(states));
  for (Index step = 0; step < states && !stuck_; ++step) {
    for (const auto [to, rate] : rates.row(pattern_.state(step))) row.out(pattern_.step_of(to)) += rate;
    for (const auto [from, rate] : incoming.row(pattern_.state(step))) row.in(pattern_.step_of(from)) += rate;
    for (const std::int32_t earlier : waiting[slot(step)]) {
      const std::int64_t position = next[slot(earlier)]++;
      hand_down(step, earlier, position, row);
      if (next[slot(earlier)] < pattern_.begin(earlier + 1)) {
        waiting[slot(pattern_.neighbours()[slot(next[slot(earlier)])])].push_back(earlier);
      }
    }
    waiting[slot(step)] = {};
    finish(step, row);
    next[slot(step)] = pattern_.begin(step);
    if (pattern_.begin(step) < pattern_.begin(step + 1)) {
      waiting[slot(pattern_.neighbours()[slot(pattern_.begin(step))])].push_back(static_cast<std::int32_t>(step));
    }
    // What the chain itself has towards states already taken out was counted when they were.
    for (const auto [to, rate] : rates.row(pattern_.state(step))) row.out(pattern_.step_of(to)) = 0.0;
    for (const auto [from, rate] : incoming.row(pattern_.state(step))) row.in(pattern_.step_of(from)) = 0.0;
  }
}

/// Paths from `step` through `earlier` to the neighbours both have left, and back.
void SparseReduction::hand_down(Index step, Index earlier, std::int64_t position, Row& row) {
  const double to_earlier = inflow_per_s_[slot(position)];
  const double from_earlier = onward_[slot(position)];
  killed_probability_(step) += to_earlier * killed_probability_(earlier);
  for (std::int64_t p = position + 1; p < pattern_.begin(earlier + 1); ++p) {
    const std::int32_t other = pattern_.neighbours()[slot(p)];
    row.out(other) += to_earlier * onward_[slot(p)];
    row.in(other) += inflow_per_s_[slot(p)] * from_earlier;
  }
}

void SparseReduction::finish(Index step, Row& row) {
  double exit = killed_probability_(step);
  for (std::int64_t p = pattern_.begin(step); p < pattern_.begin(step + 1); ++p) {
    exit += row.out(pattern_.neighbours()[slot(p)]);
  }
  exit_per_s_(step) = exit;
  const bool counts = step + 1 < pattern_.states() || killed_;
  if (counts && !(exit > 0.0 && exit <= std::numeric_limits<double>::max())) stuck_ = pattern_.state(step);
  if (!counts) return;
  killed_probability_(step) /= exit;
  for (std::int64_t p = pattern_.begin(step); p < pattern_.begin(step + 1); ++p) {
    const std::int32_t other = pattern_.neighbours()[slot(p)];
    onward_[slot(p)] = row.out(other) / exit;
    inflow_per_s_[slot(p)] = row.in(other);
    row.out(other) = row.in(other) = 0.0;
  }
}

Vector SparseReduction::stationary() const {
  const Index states = pattern_.states();
  std::vector<ScaledNumber> weight(slot(states));
  weight.back() = ScaledNumber(1.0);
  for (Index step = states - 2; step >= 0; --step) {
    ScaledNumber inflow;
    for (std::int64_t p = pattern_.begin(step); p < pattern_.begin(step + 1); ++p) {
      if (inflow_per_s_[slot(p)] > 0.0) inflow += weight[slot(pattern_.neighbours()[slot(p)])] * inflow_per_s_[slot(p)];
    }
    weight[slot(step)] = inflow / exit_per_s_(step);
  }
  const Vector in_order = scaled_to_one(weight);
  Vector result(states);
  for (Index step = 0; step < states; ++step) result(pattern_.state(step)) = in_order(step);
  return result;
}

Vector SparseReduction::cost_until_left(const Vector& cost_per_s) const {
  const Index states = pattern_.states();
  Vector h(states);
  for (Index step = 0; step < states; ++step) h(step) = cost_per_s(pattern_.state(step));
  for (Index step = 0; step < states; ++step) {
    h(step) = exit_per_s_(step) > 0.0 ? h(step) / exit_per_s_(step) : 0.0;
    for (std::int64_t p = pattern_.begin(step); p < pattern_.begin(step + 1); ++p) {
      h(pattern_.neighbours()[slot(p)]) += inflow_per_s_[slot(p)] * h(step);
    }
  }
  if (!killed_) h(states - 1) = 0.0;
  Vector result(states);
  for (Index step = states - 1; step >= 0; --step) {
    for (std::int64_t p = pattern_.begin(step); p < pattern_.begin(step + 1); ++p) {
      h(step) += onward_[slot(p)] * h(pattern_.neighbours()[slot(p)]);
    }
    result(pattern_.state(step)) = h(step);
  }
  return result;
}

double SparseReduction::relative_error_bound() const {
  const Index states = pattern_.states();
  double roundings = static_cast<double>(states) + 1.0;
  for (Index step = 0; step < states; ++step) {
    const auto left = static_cast<double>(states - step);
    const auto neighbours = static_cast<double>(pattern_.begin(step + 1) - pattern_.begin(step));
    roundings += 2.0 * left * (2.0 * neighbours + 6.0);
  }
  return roundings * 0.5 * std::numeric_limits<double>::epsilon();
}

}  // namespace windtunnel::solvers
