// SPDX-License-Identifier: Apache-2.0
// A number and its derivative by one constant of the model: arithmetic on both at once is forward-mode automatic
// differentiation, exact up to rounding, and the rounding is enclosed.
// Source: A. Griewank, A. Walther, Evaluating Derivatives, 2nd edition, SIAM 2008, chapter 3.
#pragma once
#include <cstdint>

#include "solvers/numerics/enclosure.h"

namespace windtunnel::solvers::prism {

struct DualNumber {
  /// value.value is, to the last bit, what the same operations on doubles give.
  Enclosure value;
  Enclosure slope;

  DualNumber(double number = 0.0) : value{number, 0.0} {}  // NOLINT: a double is the number that does not move
  explicit DualNumber(std::int64_t number);
  DualNumber(const Enclosure& number, const Enclosure& derivative) : value(number), slope(derivative) {}

  bool moves() const { return !slope.is_zero(); }
};

inline double value_of(double number) {
  return number;
}
inline double value_of(const DualNumber& number) {
  return number.value.value;
}

DualNumber operator-(const DualNumber& a);
DualNumber operator+(const DualNumber& a, const DualNumber& b);
DualNumber operator-(const DualNumber& a, const DualNumber& b);
DualNumber operator*(const DualNumber& a, const DualNumber& b);
DualNumber operator/(const DualNumber& a, const DualNumber& b);
DualNumber log(const DualNumber& a);
DualNumber pow(const DualNumber& a, const DualNumber& b);

// Each of these jumps or bends somewhere. There it throws ExpressionError, if one of its operands moves.
bool operator==(const DualNumber& a, const DualNumber& b);
bool operator<(const DualNumber& a, const DualNumber& b);
bool operator<=(const DualNumber& a, const DualNumber& b);
DualNumber min(const DualNumber& a, const DualNumber& b);
DualNumber max(const DualNumber& a, const DualNumber& b);
double floor(const DualNumber& a);
double ceil(const DualNumber& a);

}  // namespace windtunnel::solvers::prism
