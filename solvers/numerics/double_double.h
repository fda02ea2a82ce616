// SPDX-License-Identifier: Apache-2.0
// Numbers as unevaluated sums of two doubles, about 32 digits: what a residual needs to be known where its terms cancel
// to 16 digits. u = 2^-53. Error bounds: M. Joldes, J.-M. Muller, V. Popescu, Tight and rigorous error bounds for basic
// building blocks of double-word arithmetic, ACM Transactions on Mathematical Software 44(2), 2017. Holds while nothing
// overflows or is subnormal.
#pragma once
#include <cmath>

namespace windtunnel::solvers {

struct DoubleDouble {
  double high = 0.0;
  double low = 0.0;
};

/// a + b without error.
inline DoubleDouble two_sum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

/// a + b without error where |a| >= |b| or a = 0.
inline DoubleDouble fast_two_sum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

/// a * b without error. Without a fused multiply-add: T. J. Dekker, Numerische Mathematik 18, 1971.
inline DoubleDouble two_product(double a, double b) {
  const double product = a * b;
#ifdef FP_FAST_FMA
  return {product, std::fma(a, b, -product)};
#else
  constexpr double kSplit = 134217729.0;  // 2^27 + 1
  const double a_scaled = kSplit * a;
  const double b_scaled = kSplit * b;
  const double a_high = a_scaled - (a_scaled - a);
  const double b_high = b_scaled - (b_scaled - b);
  const double a_low = a - a_high;
  const double b_low = b - b_high;
  return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
#endif
}

/// Relative error at most 3 u^2 + 13 u^3, also when the signs differ.
inline DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble high = two_sum(a.high, b.high);
  const DoubleDouble low = two_sum(a.low, b.low);
  const DoubleDouble middle = fast_two_sum(high.high, high.low + low.high);
  return fast_two_sum(middle.high, low.low + middle.low);
}

inline DoubleDouble operator-(DoubleDouble a) {
  return {-a.high, -a.low};
}
inline DoubleDouble operator-(DoubleDouble a, DoubleDouble b) {
  return a + (-b);
}

/// Relative error at most 3 u^2.
inline DoubleDouble operator*(DoubleDouble a, double b) {
  const DoubleDouble product = two_product(a.high, b);
  return fast_two_sum(product.high, product.low + a.low * b);
}

}  // namespace windtunnel::solvers
