// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/anderson.h"

#include <Eigen/LU>

#include "test/catch.h"

using windtunnel::solvers::AndersonMixing;
using windtunnel::solvers::Index;
using windtunnel::solvers::Vector;

namespace {

/// A fixed-point iteration x -> M x + b in six dimensions, spectral radius 0.95.
struct Iteration {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(6, 6);
  Vector constant = Vector::LinSpaced(6, 1.0, 2.0);

  Iteration() {
    for (Index i = 0; i < 6; ++i) {
      matrix(i, i) = 0.95 - 0.1 * static_cast<double>(i);
      if (i > 0) matrix(i, i - 1) = 0.3;
    }
  }
  Vector image(const Vector& x) const { return matrix * x + constant; }
  Vector fixed_point() const { return (Eigen::MatrixXd::Identity(6, 6) - matrix).lu().solve(constant); }
};

}  // namespace

TEST_CASE("Anderson mixing as deep as the space solves a linear iteration", "[solvers][anderson]") {
  // It is GMRES then (Walker, Ni 2011): exact after one step more than there are dimensions.
  const Iteration iteration;
  AndersonMixing mixing(6);
  Vector x = Vector::Zero(6);
  for (int k = 0; k < 8; ++k) x = mixing.extrapolate(x, iteration.image(x));
  CHECK((x - iteration.fixed_point()).norm() < 1e-9 * iteration.fixed_point().norm());
}

TEST_CASE("a multiple of the free direction in the images makes no difference", "[solvers][anderson]") {
  // Images that are off by 7 times the direction: without the free direction mixing finds another point.
  const Iteration iteration;
  const Vector direction = Vector::LinSpaced(6, -1.0, 3.0);
  AndersonMixing told(6, direction);
  AndersonMixing untold(6);
  Vector x = Vector::Zero(6);
  Vector y = Vector::Zero(6);
  for (int k = 0; k < 9; ++k) {
    x = told.extrapolate(x, iteration.image(x) + 7.0 * direction);
    y = untold.extrapolate(y, iteration.image(y) + 7.0 * direction);
  }
  // The remaining change is a multiple of the direction.
  const Vector change = iteration.image(x) - x;
  const Vector along = direction * (change.dot(direction) / direction.squaredNorm());
  CHECK((change - along).norm() < 1e-6);
  CHECK((iteration.image(y) + 7.0 * direction - y).norm() < 1e-8);
  CHECK((iteration.fixed_point() - y).norm() > 1.0);
}
