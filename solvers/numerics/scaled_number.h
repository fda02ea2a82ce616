// SPDX-License-Identifier: Apache-2.0
// A number >= 0 as mantissa * 2^exponent with a 64-bit exponent: products over 100,000 states neither overflow nor
// underflow, and scaling by powers of two adds no rounding error.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

class ScaledNumber {
 public:
  ScaledNumber() = default;
  explicit ScaledNumber(double value) : ScaledNumber(value, 0) {}

  ScaledNumber operator*(double factor) const { return {mantissa_ * factor, exponent_}; }
  ScaledNumber operator/(double divisor) const { return {mantissa_ / divisor, exponent_}; }
  ScaledNumber& operator+=(ScaledNumber other) {
    if (other.mantissa_ == 0.0) return *this;
    if (mantissa_ == 0.0) return *this = other;
    if (other.exponent_ > exponent_) std::swap(*this, other);
    const std::int64_t shift = other.exponent_ - exponent_;
    if (shift > -kIrrelevant) *this = {mantissa_ + std::ldexp(other.mantissa_, static_cast<int>(shift)), exponent_};
    return *this;
  }

  bool is_zero() const { return mantissa_ == 0.0; }
  std::int64_t exponent() const { return exponent_; }
  /// The value over 2^reference; 0 when that underflows. exponent() - reference must be below 1024.
  double relative_to(std::int64_t reference) const {
    const std::int64_t shift = exponent_ - reference;
    return shift < -kUnderflow ? 0.0 : std::ldexp(mantissa_, static_cast<int>(shift));
  }

 private:
  // Adding what is 2^-128 times as large changes no bit of a 53-bit mantissa; below 2^-1100 nothing is a double.
  static constexpr std::int64_t kIrrelevant = 128;
  static constexpr std::int64_t kUnderflow = 1100;

  ScaledNumber(double mantissa, std::int64_t exponent) {
    int own = 0;
    mantissa_ = std::frexp(mantissa, &own);
    exponent_ = mantissa_ == 0.0 ? 0 : exponent + own;
  }

  double mantissa_ = 0.0;  // 0 or in [1/2, 1)
  std::int64_t exponent_ = 0;
};

/// Weights as shares of their sum; those below about 1e-308 of the largest come out as 0.
inline Vector scaled_to_one(const std::vector<ScaledNumber>& weights) {
  std::int64_t largest = std::numeric_limits<std::int64_t>::min();
  for (const ScaledNumber& weight : weights) {
    if (!weight.is_zero()) largest = weight.exponent() > largest ? weight.exponent() : largest;
  }
  Vector result(static_cast<Index>(weights.size()));
  for (std::size_t k = 0; k < weights.size(); ++k) result(static_cast<Index>(k)) = weights[k].relative_to(largest);
  return result / result.sum();
}

}  // namespace windtunnel::solvers
