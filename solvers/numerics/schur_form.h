// SPDX-License-Identifier: Apache-2.0
// The Schur form of a real matrix over the complex numbers: A = U T U^*, U unitary, T upper triangular with the
// eigenvalues of A on its diagonal. A file of its own because its template is the slowest of the library to compile.
#pragma once
#include <Eigen/Core>

#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

struct SchurForm {
  Eigen::MatrixXcd unitary;
  Eigen::MatrixXcd triangular;
};

/// Square, finite. O(n^3) by the shifted QR algorithm.
/// Source: Golub, Van Loan, Matrix Computations, 4th edition, section 7.5.
SchurForm schur_form(const Matrix& a);

}  // namespace windtunnel::solvers
