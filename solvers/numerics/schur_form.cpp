// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/schur_form.h"

#include <Eigen/Eigenvalues>

namespace windtunnel::solvers {

SchurForm schur_form(const Matrix& a) {
  const Eigen::ComplexSchur<Matrix> schur(a);
  return {schur.matrixU(), schur.matrixT()};
}

}  // namespace windtunnel::solvers
