// SPDX-License-Identifier: Apache-2.0
// Power series in one variable up to the third order: the derivatives of a Laplace transform, and so the moments of a
// time, without writing them out. Long double, because quotients by small rates cancel.
#pragma once

#include <array>
#include <cmath>

namespace windtunnel::modeling {

/// a[0] + a[1] u + a[2] u^2 + a[3] u^3 + O(u^4).
struct PowerSeries {
  std::array<long double, 4> a{};

  static PowerSeries constant(long double value) { return {{value, 0, 0, 0}}; }
  /// value + u
  static PowerSeries variable(long double value) { return {{value, 1, 0, 0}}; }
};

inline PowerSeries operator+(PowerSeries x, const PowerSeries& y) {
  for (int k = 0; k < 4; ++k) x.a[k] += y.a[k];
  return x;
}

inline PowerSeries operator-(PowerSeries x, const PowerSeries& y) {
  for (int k = 0; k < 4; ++k) x.a[k] -= y.a[k];
  return x;
}

inline PowerSeries operator*(const PowerSeries& x, const PowerSeries& y) {
  PowerSeries product;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; i + j < 4; ++j) product.a[i + j] += x.a[i] * y.a[j];
  return product;
}

/// y.a[0] must not be 0.
inline PowerSeries operator/(const PowerSeries& x, const PowerSeries& y) {
  PowerSeries quotient;
  for (int k = 0; k < 4; ++k) {
    long double rest = x.a[k];
    for (int i = 0; i < k; ++i) rest -= quotient.a[i] * y.a[k - i];
    quotient.a[k] = rest / y.a[0];
  }
  return quotient;
}

/// From exp' = exp x'.
inline PowerSeries exp(const PowerSeries& x) {
  PowerSeries result = PowerSeries::constant(std::exp(x.a[0]));
  for (int k = 1; k < 4; ++k) {
    for (int i = 1; i <= k; ++i) result.a[k] += i * x.a[i] * result.a[k - i];
    result.a[k] /= k;
  }
  return result;
}

/// x.a[0] > 0. From x log' = x'.
inline PowerSeries log(const PowerSeries& x) {
  PowerSeries result = PowerSeries::constant(std::log(x.a[0]));
  for (int k = 1; k < 4; ++k) {
    result.a[k] = k * x.a[k];
    for (int i = 1; i < k; ++i) result.a[k] -= i * result.a[i] * x.a[k - i];
    result.a[k] /= k * x.a[0];
  }
  return result;
}

}  // namespace windtunnel::modeling
