// SPDX-License-Identifier: Apache-2.0
// Anderson mixing: extrapolates a fixed-point iteration from its last few steps.
// Source: D. G. Anderson, Iterative procedures for nonlinear integral equations, Journal of the ACM 12(4), 1965;
// H. Walker, P. Ni, SIAM Journal on Numerical Analysis 49(4), 2011 (the form used here).
#pragma once
#include <vector>

#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

class AndersonMixing {
 public:
  /// Keeps `depth` >= 1 pairs of vectors. `free` (may be empty): the images are known up to a multiple of it only, and
  /// the multiple is found on the way, together with the mixture.
  explicit AndersonMixing(int depth, Vector free = {});

  /// The next iterate, given that the iteration maps x to image. May have entries of any sign: the caller judges.
  Vector extrapolate(const Vector& x, const Vector& image);
  /// Forgets all steps.
  void restart();

 private:
  Index columns() const { return static_cast<Index>(change_.size()); }
  Index free_columns() const { return free_.size() > 0 ? 1 : 0; }
  Index column_for_step();
  void take_in(const Vector& x, const Vector& image, Index step);
  Vector mixture() const;

  Index depth_;
  Vector free_;
  // Along each column, the free direction first: how much an iterate's change moves, and its image.
  std::vector<Vector> change_;
  std::vector<Vector> image_;
  Vector last_change_;
  Vector last_image_;
  Index steps_ = 0;
  // Products of the columns with each other and with the last change.
  Eigen::MatrixXd gram_;
  Vector right_;
};

}  // namespace windtunnel::solvers
