// SPDX-License-Identifier: Apache-2.0
// Off-diagonal rates of a chain in compressed rows: 12 bytes per rate, rows sorted by state.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// The state at the other end of a transition, and the rate of the transition, > 0.
struct RateEntry {
  std::int32_t state = 0;
  double rate_per_s = 0.0;
};

/// One row, read-only: `for (const auto [state, rate] : rates.row(i))`. Valid as long as the SparseRates.
class RateRow {
 public:
  class Iterator {
   public:
    Iterator(const std::int32_t* state, const double* rate) : state_(state), rate_(rate) {}
    RateEntry operator*() const { return {*state_, *rate_}; }
    Iterator& operator++() {
      ++state_;
      ++rate_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return state_ != other.state_; }

   private:
    const std::int32_t* state_;
    const double* rate_;
  };

  RateRow(const std::int32_t* states, const double* rates, std::ptrdiff_t size)
      : states_(states), rates_(rates), size_(size) {}
  Iterator begin() const { return {states_, rates_}; }
  Iterator end() const { return {states_ + size_, rates_ + size_}; }
  Index size() const { return size_; }
  RateEntry operator[](Index position) const { return {states_[position], rates_[position]}; }

 private:
  const std::int32_t* states_;
  const double* rates_;
  std::ptrdiff_t size_;
};

struct SparseRates {
  /// Row i occupies positions begin[i] .. begin[i + 1] - 1; rows() + 1 entries.
  std::vector<std::int64_t> begin = {0};
  std::vector<std::int32_t> state;
  std::vector<double> rate_per_s;

  Index rows() const { return static_cast<Index>(begin.size()) - 1; }
  Index size() const { return static_cast<Index>(state.size()); }
  RateRow row(Index i) const {
    const auto at = static_cast<std::size_t>(i);
    return {state.data() + begin[at], rate_per_s.data() + begin[at], begin[at + 1] - begin[at]};
  }
};

/// sum_j rate_j x_j over one row.
inline double gathered(const RateRow& row, const double* x) {
  double sum = 0.0;
  for (const auto [state, rate] : row) sum += rate * x[state];
  return sum;
}

/// The same rates by their other end: row j of the result lists the rows i that hold an entry (j, rate). Square.
/// O(size()).
SparseRates transposed(const SparseRates& rates);

/// How far the entries lie from the diagonal.
struct Bandwidth {
  /// Largest row - state, >= 0.
  Index lower = 0;
  /// Largest state - row, >= 0.
  Index upper = 0;
};

Bandwidth bandwidth(const SparseRates& rates);

/// Number of entries of the longest row; 0 without rows.
Index longest_row(const SparseRates& rates);

}  // namespace windtunnel::solvers
