// SPDX-License-Identifier: Apache-2.0
// Square matrices with entries in [0, 4) as fixed-point numbers of about a hundred bits, every operation rounded down.
// An entry is the sum of its digits, one matrix per digit, so that a product is a few products of matrices of small
// integers, exact in doubles at the speed of plain matrix products. Rounding down makes every result a proven lower
// bound of the true one, for what is >= 0.
// Source: K. Ozaki, T. Ogita, S. Oishi, S. Rump, Numerical Algorithms 59, 2012 (splitting into exact products).
#pragma once
#include <Eigen/Core>
#include <vector>

#include "solvers/numerics/double_double.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

class FixedPointMatrix {
 public:
  /// The zero matrix of that size with at least `bits` bits after the point. 1 <= states <= 2,000, bits <= 300.
  FixedPointMatrix(Index states, int bits);

  Index states() const { return digits_.front().rows(); }
  /// Products of plain matrices that one product takes.
  static int plain_products(Index states, int bits);

  /// Adds a value >= 0 rounded down, takes away one >= 0 rounded up. The entry must stay in [0, 4) in the end;
  /// normalise() before anything else is done.
  void add(Index row, Index column, DoubleDouble value);
  void subtract(Index row, Index column, DoubleDouble value);
  /// Takes away another matrix and `units` units of the last digit from every entry; normalises.
  void subtract(const FixedPointMatrix& other, double units);
  void normalise();
  /// Rounded down to a double.
  double at(Index row, Index column) const;
  /// 1 - the sum of `count` entries of the row from column `first` on, rounded up.
  double missing_from_one(Index row, Index first, Index count) const;

  void add_identity();
  /// Division of every entry by a whole number 1 <= divisor < 2^20.
  void divide(int divisor);
  /// Every entry times the one entry of `factor`, a matrix of the same format.
  void scale(const FixedPointMatrix& factor);
  /// 1 x 1, of the format of this matrix, 0.
  FixedPointMatrix scalar() const;
  FixedPointMatrix times(const FixedPointMatrix& other) const;

 private:
  FixedPointMatrix() = default;
  /// Digit k counts 2^(2 - bits_per_digit (k + 1)).
  double unit(std::size_t digit) const;
  double base() const;
  /// products[l]: what the digits i and l - i contribute, in units of unit(l) * 2^(2 - bits per digit).
  void set_from_products(std::vector<Eigen::MatrixXd>& products);

  int bits_per_digit_ = 0;
  std::vector<Eigen::MatrixXd> digits_;
};

}  // namespace windtunnel::solvers
