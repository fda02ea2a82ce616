// SPDX-License-Identifier: Apache-2.0
// Anderson mixing: extrapolates a fixed-point iteration from its last few steps.
// Source: D. G. Anderson, Iterative procedures for nonlinear integral equations, Journal of the ACM 12(4), 1965;
// H. Walker, P. Ni, SIAM Journal on Numerical Analysis 49(4), 2011 (the form used here).
#pragma once
#include <vector>

#include "solvers/vector.h"

namespace windtunnel::solvers {

class AndersonMixing {
 public:
  /// Keeps `depth` >= 1 pairs of vectors.
  explicit AndersonMixing(int depth) : depth_(depth) {}

  /// The next iterate, given that the iteration maps x to image. May have entries of any sign: the caller judges.
  Vector extrapolate(const Vector& x, const Vector& image);
  /// Forgets all steps.
  void restart();

 private:
  void remember(const Vector& change, const Vector& image);

  int depth_;
  Vector last_change_;
  Vector last_image_;
  std::vector<Vector> change_differences_;
  std::vector<Vector> image_differences_;
  std::size_t oldest_ = 0;
  Eigen::MatrixXd gram_;
};

}  // namespace windtunnel::solvers
