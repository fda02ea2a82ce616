// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/fixed_point_matrix.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::solvers {
namespace {

// Bits before the point.
constexpr int kWholeBits = 2;

struct Format {
  int bits_per_digit = 0;
  int digits = 0;
};

/// states x digits products of two digits must sum exactly: below 2^53, and a bit for what is carried.
Format format(Index states, int bits) {
  Format result;
  for (int digits = 2;; ++digits) {
    const int summands = static_cast<int>(std::ceil(std::log2(static_cast<double>(states) * digits)));
    result = {(52 - summands) / 2, digits};
    if (result.bits_per_digit * digits - kWholeBits >= bits) return result;
  }
}

double power_of_two(int exponent) {
  return std::ldexp(1.0, exponent);
}

}  // namespace

FixedPointMatrix::FixedPointMatrix(Index states, int bits) {
  const Format chosen = format(states, bits);
  bits_per_digit_ = chosen.bits_per_digit;
  digits_.assign(static_cast<std::size_t>(chosen.digits), Eigen::MatrixXd::Zero(states, states));
}

int FixedPointMatrix::plain_products(Index states, int bits) {
  const int digits = format(states, bits).digits;
  return digits * (digits + 1) / 2;
}

double FixedPointMatrix::unit(std::size_t digit) const {
  return power_of_two(kWholeBits - bits_per_digit_ * (static_cast<int>(digit) + 1));
}

double FixedPointMatrix::base() const {
  return power_of_two(bits_per_digit_);
}

void FixedPointMatrix::add(Index row, Index column, DoubleDouble value) {
  for (std::size_t k = 0; k < digits_.size(); ++k) {
    double digit = std::floor(value.high / unit(k));
    // Exact: fewer digits than before are left.
    value = value + DoubleDouble{-digit * unit(k), 0.0};
    if (value.high < 0.0 || (value.high == 0.0 && value.low < 0.0)) {  // the low part was negative: borrow
      digit -= 1.0;
      value = value + DoubleDouble{unit(k), 0.0};
    }
    digits_[k](row, column) += digit;
  }
}

void FixedPointMatrix::subtract(Index row, Index column, DoubleDouble value) {
  FixedPointMatrix lower = scalar();
  lower.add(0, 0, value);
  for (std::size_t k = 0; k < digits_.size(); ++k) digits_[k](row, column) -= lower.digits_[k](0, 0);
  digits_.back()(row, column) -= 1.0;
}

void FixedPointMatrix::subtract(const FixedPointMatrix& other, double units) {
  for (std::size_t k = 0; k < digits_.size(); ++k) digits_[k] -= other.digits_[k];
  digits_.back().array() -= units;
  normalise();
}

FixedPointMatrix FixedPointMatrix::scalar() const {
  FixedPointMatrix single;
  single.bits_per_digit_ = bits_per_digit_;
  single.digits_.assign(digits_.size(), Eigen::MatrixXd::Zero(1, 1));
  return single;
}

double FixedPointMatrix::at(Index row, Index column) const {
  double sum = 0.0;
  for (std::size_t k = digits_.size(); k-- > 0;) sum += digits_[k](row, column) * unit(k);
  // Each addition rounds by at most half an ulp of the sum.
  return sum > 0.0 ? sum * (1.0 - 0x1p-50) : 0.0;
}

double FixedPointMatrix::missing_from_one(Index row, Index first, Index count) const {
  DoubleDouble left{1.0, 0.0};
  for (std::size_t k = 0; k < digits_.size(); ++k) {
    // The sum of the digits is exact, so is its product with a power of two.
    left = left + DoubleDouble{-digits_[k].row(row).segment(first, count).sum() * unit(k), 0.0};
  }
  return std::nextafter(std::max(0.0, left.high) + std::abs(left.low) + 0x1p-102, HUGE_VAL);
}

void FixedPointMatrix::add_identity() {
  digits_.front().diagonal().array() += 1.0 / unit(0);
}

void FixedPointMatrix::divide(int divisor) {
  Eigen::MatrixXd remainder = Eigen::MatrixXd::Zero(states(), states());
  for (Eigen::MatrixXd& digit : digits_) {
    const Eigen::MatrixXd dividend = digit + base() * remainder;  // below 2^(20 + bits per digit): exact
    // A quotient of whole numbers below 2^53 rounds up to a whole number only when it is one.
    digit = (dividend / static_cast<double>(divisor)).array().floor();
    remainder = dividend - static_cast<double>(divisor) * digit;
  }
}

void FixedPointMatrix::scale(const FixedPointMatrix& factor) {
  std::vector<Eigen::MatrixXd> products(digits_.size(), Eigen::MatrixXd::Zero(states(), states()));
  for (std::size_t i = 0; i < digits_.size(); ++i) {
    for (std::size_t j = 0; i + j < digits_.size(); ++j) products[i + j] += factor.digits_[j](0, 0) * digits_[i];
  }
  set_from_products(products);
}

FixedPointMatrix FixedPointMatrix::times(const FixedPointMatrix& other) const {
  FixedPointMatrix result;
  result.bits_per_digit_ = bits_per_digit_;
  std::vector<Eigen::MatrixXd> products(digits_.size(), Eigen::MatrixXd::Zero(states(), states()));
  for (std::size_t i = 0; i < digits_.size(); ++i) {
    for (std::size_t j = 0; i + j < digits_.size(); ++j) products[i + j].noalias() += digits_[i] * other.digits_[j];
  }
  result.digits_.resize(digits_.size());
  result.set_from_products(products);
  return result;
}

void FixedPointMatrix::set_from_products(std::vector<Eigen::MatrixXd>& products) {
  const double lower_base = power_of_two(bits_per_digit_ - kWholeBits);
  Eigen::MatrixXd from_above;
  for (std::size_t l = 0; l < products.size(); ++l) {
    digits_[l] = (products[l] / lower_base).array().floor();
    const Eigen::MatrixXd rest = products[l] - lower_base * digits_[l];
    if (l > 0) digits_[l] += from_above;
    from_above = power_of_two(kWholeBits) * rest;  // of the last digit: rounded down
  }
  normalise();
}

void FixedPointMatrix::normalise() {
  for (std::size_t k = digits_.size(); k-- > 1;) {
    const Eigen::MatrixXd over = (digits_[k] / base()).array().floor();
    digits_[k] -= base() * over;
    digits_[k - 1] += over;
  }
}

}  // namespace windtunnel::solvers
