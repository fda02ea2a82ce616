// SPDX-License-Identifier: Apache-2.0
// Kronecker product and sum: phases of two chains side by side. Phase (i, j) has the number i * (size of y) + j.
#pragma once
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

inline Matrix kronecker(const Matrix& x, const Matrix& y) {
  Matrix result(x.rows() * y.rows(), x.cols() * y.cols());
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.cols(); ++j) result.block(i * y.rows(), j * y.cols(), y.rows(), y.cols()) = x(i, j) * y;
  return result;
}

/// Either chain moves: x (+) y = x (x) I + I (x) y.
inline Matrix kronecker_sum(const Matrix& x, const Matrix& y) {
  return kronecker(x, Matrix::Identity(y.rows(), y.rows())) + kronecker(Matrix::Identity(x.rows(), x.rows()), y);
}

}  // namespace windtunnel::solvers
