// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/time_galerkin.h"

#include <Eigen/LU>
#include <cmath>

#include "solvers/numerics/schur_form.h"

namespace windtunnel::solvers {

TimeGalerkin::TimeGalerkin(Index degree) {
  const Index terms = degree + 1;
  at_begin_ = at_end_ = Vector(terms);
  derivative_ = Eigen::MatrixXd::Zero(terms, terms);
  for (Index j = 0; j < terms; ++j) {
    at_end_(j) = std::sqrt(2.0 * static_cast<double>(j) + 1.0);
    at_begin_(j) = j % 2 == 0 ? at_end_(j) : -at_end_(j);
    // P_j' = sum of (2 i + 1) P_i over i = j - 1, j - 3, ...
    for (Index i = j - 1; i >= 0; i -= 2) derivative_(j, i) = 2.0 * at_end_(i) * at_end_(j);
  }
  // Tested with phi_i: integral of z' phi_i plus z(0) phi_i(0).
  const Eigen::MatrixXd method = derivative_ + at_begin_ * at_begin_.transpose();
  SchurForm schur = schur_form(method);
  unitary_ = std::move(schur.unitary);
  triangular_ = std::move(schur.triangular);
}

Eigen::MatrixXd TimeGalerkin::solve(const Eigen::MatrixXd& mass, const Eigen::MatrixXd& slope, const Vector& forcing,
                                    const Vector& begin, double step) const {
  // mass Z method - step slope Z = right, column by column in the basis in which the method's matrix is triangular.
  Eigen::MatrixXd right = begin * at_begin_.transpose();
  right.col(0) += step * forcing;
  const Eigen::MatrixXcd turned = right * unitary_;
  Eigen::MatrixXcd z(mass.rows(), turned.cols());
  for (Index l = 0; l < turned.cols(); ++l) {
    const Eigen::VectorXcd known = z.leftCols(l) * triangular_.col(l).head(l);
    const Eigen::MatrixXcd matrix = triangular_(l, l) * mass - step * slope;
    z.col(l) = matrix.partialPivLu().solve(turned.col(l) - mass * known);
  }
  return (z * unitary_.adjoint()).real();
}

}  // namespace windtunnel::solvers
