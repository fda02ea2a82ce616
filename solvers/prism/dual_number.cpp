// SPDX-License-Identifier: Apache-2.0
#include "solvers/prism/dual_number.h"

#include <algorithm>

#include "solvers/prism/expression.h"

namespace windtunnel::solvers::prism {
namespace {

[[noreturn]] void no_derivative(const std::string& what) {
  throw ExpressionError{{}, "no derivative: " + what};
}

/// Which of two numbers is larger must not depend on how far the constant moves.
void require_apart(const DualNumber& a, const DualNumber& b) {
  if (!a.moves() && !b.moves()) return;
  if (a.slope == b.slope && a.slope.error == 0.0) return;  // both move alike
  if (std::abs(a.value.value - b.value.value) > a.value.error + b.value.error) return;
  no_derivative(fmt::format("two numbers that are compared are both {}", a.value.value));
}

/// Whole numbers lie `shift` below those at which the number jumps.
void require_between_jumps(const DualNumber& a) {
  if (!a.moves()) return;
  if (std::floor(a.value.lower()) == std::floor(a.value.upper()) && a.value.value != std::floor(a.value.value)) return;
  no_derivative(fmt::format("{} is rounded where it jumps", a.value.value));
}

}  // namespace

DualNumber::DualNumber(std::int64_t number) : DualNumber(static_cast<double>(number)) {
  // Beyond 2^53 not every integer is a double.
  if (std::abs(value.value) > 0x1p53) value.error = 0x1p-53 * std::abs(value.value);
}

DualNumber operator-(const DualNumber& a) {
  return {-a.value, -a.slope};
}

DualNumber operator+(const DualNumber& a, const DualNumber& b) {
  return {a.value + b.value, a.slope + b.slope};
}

DualNumber operator-(const DualNumber& a, const DualNumber& b) {
  return a + -b;
}

DualNumber operator*(const DualNumber& a, const DualNumber& b) {
  return {a.value * b.value, a.slope * b.value + a.value * b.slope};
}

/// (a / b)' = (a' - a / b b') / b.
DualNumber operator/(const DualNumber& a, const DualNumber& b) {
  const Enclosure quotient = a.value / b.value;
  return {quotient, a.moves() || b.moves() ? (a.slope - quotient * b.slope) / b.value : Enclosure{}};
}

DualNumber log(const DualNumber& a) {
  return {log(a.value), a.moves() ? a.slope / a.value : Enclosure{}};
}

/// (a^b)' = b a^(b - 1) a' + a^b log(a) b'.
DualNumber pow(const DualNumber& a, const DualNumber& b) {
  const Enclosure power = pow(a.value, b.value);
  Enclosure slope;
  if (a.moves()) slope = b.value * pow(a.value, b.value - Enclosure{1.0, 0.0}) * a.slope;
  if (b.moves()) slope = slope + power * log(a.value) * b.slope;
  return {power, slope};
}

bool operator==(const DualNumber& a, const DualNumber& b) {
  require_apart(a, b);
  return value_of(a) == value_of(b);
}

bool operator<(const DualNumber& a, const DualNumber& b) {
  require_apart(a, b);
  return value_of(a) < value_of(b);
}

bool operator<=(const DualNumber& a, const DualNumber& b) {
  require_apart(a, b);
  return value_of(a) <= value_of(b);
}

DualNumber min(const DualNumber& a, const DualNumber& b) {
  return b < a ? b : a;
}

DualNumber max(const DualNumber& a, const DualNumber& b) {
  return a < b ? b : a;
}

double floor(const DualNumber& a) {
  require_between_jumps(a);
  return std::floor(value_of(a));
}

double ceil(const DualNumber& a) {
  require_between_jumps(a);
  return std::ceil(value_of(a));
}

}  // namespace windtunnel::solvers::prism
