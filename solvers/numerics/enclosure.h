// SPDX-License-Identifier: Apache-2.0
// A number known to lie between two others, as a middle and a radius, with an arithmetic that keeps that true.
// Source: S. M. Rump, Fast and parallel interval arithmetic, BIT Numerical Mathematics 39(3), 1999.
#pragma once
#include <algorithm>
#include <cmath>

#include "solvers/numerics/double_double.h"

namespace windtunnel::solvers {

/// Largest relative error of one rounding to nearest in doubles.
inline constexpr double kUnitRoundoff = 0x1p-53;

struct Enclosure {
  double value = 0.0;
  /// >= 0; the true number differs from value by at most this.
  double error = 0.0;

  double lower() const { return std::nextafter(value - error, -HUGE_VAL); }
  double upper() const { return std::nextafter(value + error, HUGE_VAL); }
  /// At least the absolute value of the true number.
  double magnitude() const { return std::nextafter(std::abs(value) + error, HUGE_VAL); }
  /// Known to be 0: it stays 0 in products.
  bool is_zero() const { return value == 0.0 && error == 0.0; }
  bool operator==(const Enclosure&) const = default;
};

/// A result in doubles, what its operands' errors make of it, and its own rounding: so many times 2^-53 of it, or less
/// than the smallest normal double. The factor covers the roundings of the errors themselves, eight at most.
inline Enclosure rounded(double value, double operand_errors, double roundings = 1.0) {
  return {value, (operand_errors + roundings * 0x1p-53 * std::abs(value)) * (1.0 + 0x1p-48) + 0x1p-1022};
}

inline Enclosure operator-(const Enclosure& a) {
  return {-a.value, a.error};
}

/// An exact sum of exact numbers stays exact.
inline Enclosure operator+(const Enclosure& a, const Enclosure& b) {
  const DoubleDouble sum = two_sum(a.value, b.value);
  const double error = a.error + b.error + std::abs(sum.low);
  return error == 0.0 ? Enclosure{sum.high, 0.0} : rounded(sum.high, error, 0.0);
}

inline Enclosure operator-(const Enclosure& a, const Enclosure& b) {
  return a + -b;
}

inline Enclosure operator*(const Enclosure& a, const Enclosure& b) {
  if (a.is_zero() || b.is_zero()) return {};
  return rounded(a.value * b.value, std::abs(a.value) * b.error + a.error * std::abs(b.value) + a.error * b.error);
}

/// A / B - a / b = ((A - a) - (a / b) (B - b)) / B. Unknown where B may be 0.
inline Enclosure operator/(const Enclosure& a, const Enclosure& b) {
  const double quotient = a.value / b.value;
  const double least = std::abs(b.value) - b.error;
  if (!(least > 0.0)) return {quotient, HUGE_VAL};
  if (a.is_zero()) return {};
  return rounded(quotient, (a.error + std::abs(quotient) * b.error) / (least * (1.0 - 0x1p-52)));
}

/// Of the C library's log and pow, in half units of the last place: glibc states less than two for both.
inline constexpr double kLibraryRoundings = 4.0;

inline Enclosure log(const Enclosure& a) {
  const double least = a.value - a.error;
  if (!(least > 0.0)) return {std::log(a.value), HUGE_VAL};
  return rounded(std::log(a.value), a.error / (least * (1.0 - 0x1p-52)), kLibraryRoundings);
}

/// |A|^B = exp(B log |A|): an error d of B log |A| is a relative one of e^d - 1. Unknown where A may be 0 and is not
/// known to be.
inline Enclosure pow(const Enclosure& a, const Enclosure& b) {
  const double power = std::pow(a.value, b.value);
  if (a.error == 0.0 && b.error == 0.0) return rounded(power, 0.0, a.value == 0.0 ? 0.0 : kLibraryRoundings);
  const double least = (std::abs(a.value) - a.error) * (1.0 - 0x1p-52);
  if (!(least > 0.0)) return {power, HUGE_VAL};
  const double steepest = std::max(std::abs(std::log(least)), std::abs(std::log(a.magnitude())));
  const double exponent = b.magnitude() * a.error / least + b.error * steepest;
  return rounded(power, std::abs(power) * std::expm1(exponent * (1.0 + 0x1p-40)) * (1.0 + 0x1p-40), kLibraryRoundings);
}

}  // namespace windtunnel::solvers
