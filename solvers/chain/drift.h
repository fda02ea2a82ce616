// SPDX-License-Identifier: Apache-2.0
// Drift f_i + sum_j q_ij (g_j - g_i) of a function g of the states, enclosed: the one quantity from which every
// certificate of this library is made. In twice the digits, because in a stiff chain its terms are larger than itself
// by the ratio of the rates.
#pragma once
#include <cmath>
#include <limits>

#include "solvers/chain/sparse_rates.h"
#include "solvers/numerics/double_double.h"
#include "solvers/numerics/enclosure.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// A vector with twice the digits: entry i is high(i) + low(i).
struct PreciseVector {
  Vector high;
  Vector low;

  PreciseVector() = default;
  explicit PreciseVector(Vector values) : high(std::move(values)), low(Vector::Zero(high.size())) {}
  DoubleDouble operator()(Index i) const { return {high(i), low(i)}; }
  void add(Index i, double change) {
    const DoubleDouble sum = (*this)(i) + DoubleDouble{change, 0.0};
    high(i) = sum.high;
    low(i) = sum.low;
  }
};

/// Encloses reward + sum over the row of rate * (g(to) - g(i)). A difference and its product err by at most 6 u^2
/// relative to the term, an addition by 3 u^2 of a partial sum (double_double.h); 2 more cover terms of higher order
/// and the roundings of the bound.
inline Enclosure drift_at(const RateRow& row, Index i, double reward, const PreciseVector& g) {
  constexpr double kSquaredRoundoff = 0x1p-106;
  const DoubleDouble here = g(i);
  DoubleDouble sum{reward, 0.0};
  double size = std::abs(reward);
  for (const auto [to, rate] : row) {
    const DoubleDouble term = (g(to) - here) * rate;
    size += std::abs(term.high);
    sum = sum + term;
  }
  const double rounding = (3.0 * static_cast<double>(row.size()) + 8.0) * kSquaredRoundoff * size;
  return {sum.high, std::nextafter(std::abs(sum.low) + 1.01 * rounding, HUGE_VAL)};
}

}  // namespace windtunnel::solvers
