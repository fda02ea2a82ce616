// SPDX-License-Identifier: Apache-2.0
// Small systems of linear differential equations over one step, by the discontinuous Galerkin method in time: the
// answer is a polynomial, which need not begin where it should; how far it is off is known to the caller, who charges
// it. Sources: M. Delfour, W. Hager, F. Trochu, Mathematics of Computation 36, 1981; for one step it is the Radau IIA
// method (E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 1996, IV.5).
#pragma once
#include <Eigen/Core>

#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// Polynomials of one degree on [0, step], written in Legendre polynomials phi_0 .. phi_degree that are orthonormal
/// with respect to the mean over the step: phi_j(step) = sqrt(2 j + 1), phi_j(0) = (-1)^j sqrt(2 j + 1).
class TimeGalerkin {
 public:
  explicit TimeGalerkin(Index degree);

  Index degree() const { return at_end_.size() - 1; }
  const Vector& at_begin() const { return at_begin_; }
  const Vector& at_end() const { return at_end_; }
  /// Coefficients of the derivatives: for z = Z phi, z' = (Z * derivative()) phi / step. Entries >= 0.
  const Eigen::MatrixXd& derivative() const { return derivative_; }

  /// The Z with z = Z phi nearly solving mass z' = slope z + forcing, mass z(0) = begin. The matrices are square.
  Eigen::MatrixXd solve(const Eigen::MatrixXd& mass, const Eigen::MatrixXd& slope, const Vector& forcing,
                        const Vector& begin, double step) const;

 private:
  Vector at_begin_;
  Vector at_end_;
  Eigen::MatrixXd derivative_;
  // Complex Schur form of the method's matrix: it does not depend on the step.
  Eigen::MatrixXcd unitary_;
  Eigen::MatrixXcd triangular_;
};

}  // namespace windtunnel::solvers
