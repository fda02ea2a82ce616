// SPDX-License-Identifier: Apache-2.0
#include "solvers/anderson.h"

#include <Eigen/Cholesky>

namespace windtunnel::solvers {

Vector AndersonMixing::extrapolate(const Vector& x, const Vector& image) {
  const Vector change = image - x;
  remember(change, image);
  const auto known = static_cast<Index>(change_differences_.size());
  if (known == 0) return image;
  Vector right(known);
  for (Index k = 0; k < known; ++k) right(k) = change_differences_[static_cast<std::size_t>(k)].dot(change);
  // Differences that are nearly parallel: 1e-14 of the trace decides what nearly is, a hundred roundings.
  Eigen::MatrixXd system = gram_.topLeftCorner(known, known);
  system.diagonal().array() += 1e-14 * system.trace();
  const Vector mix = system.ldlt().solve(right);
  if (!mix.allFinite()) return image;
  Vector next = image;
  for (Index k = 0; k < known; ++k) next -= mix(k) * image_differences_[static_cast<std::size_t>(k)];
  return next;
}

void AndersonMixing::restart() {
  change_differences_.clear();
  image_differences_.clear();
  last_change_.resize(0);
  oldest_ = 0;
}

void AndersonMixing::remember(const Vector& change, const Vector& image) {
  if (last_change_.size() > 0) {
    if (static_cast<int>(change_differences_.size()) < depth_) {
      oldest_ = change_differences_.size();
      change_differences_.emplace_back();
      image_differences_.emplace_back();
      gram_.conservativeResize(static_cast<Index>(change_differences_.size()),
                               static_cast<Index>(change_differences_.size()));
    }
    change_differences_[oldest_] = change - last_change_;
    image_differences_[oldest_] = image - last_image_;
    const auto at = static_cast<Index>(oldest_);
    for (std::size_t k = 0; k < change_differences_.size(); ++k) {
      const double product = change_differences_[k].dot(change_differences_[oldest_]);
      gram_(static_cast<Index>(k), at) = gram_(at, static_cast<Index>(k)) = product;
    }
    oldest_ = (oldest_ + 1) % static_cast<std::size_t>(depth_);
  }
  last_change_ = change;
  last_image_ = image;
}

}  // namespace windtunnel::solvers
