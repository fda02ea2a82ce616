// SPDX-License-Identifier: Apache-2.0
#include "solvers/linear/anderson.h"

#include <Eigen/Cholesky>
#include <algorithm>

namespace windtunnel::solvers {
namespace {

// Entries that stay in the cache while all columns pass over them.
constexpr Index kBlock = 1024;
// A column that is shorter says nothing.
constexpr double kLeastLength = 1e-300;
// Of columns of length 1: a hundred roundings decide what is nearly parallel.
constexpr double kParallel = 1e-14;

template <typename Visit>
void for_each_block(Index size, const Visit& visit) {
  for (Index begin = 0; begin < size; begin += kBlock) visit(begin, std::min(kBlock, size - begin));
}

}  // namespace

AndersonMixing::AndersonMixing(int depth, Vector free) : depth_(depth), free_(std::move(free)) {
  restart();
}

void AndersonMixing::restart() {
  change_.clear();
  image_.clear();
  if (free_.size() > 0) {
    change_.push_back(free_);
    image_.push_back(free_);
  }
  gram_ = Eigen::MatrixXd::Constant(columns(), columns(), free_.squaredNorm());
  last_change_.resize(0);
  steps_ = 0;
}

Vector AndersonMixing::extrapolate(const Vector& x, const Vector& image) {
  const bool first = last_change_.size() == 0;
  const Index step = first ? -1 : column_for_step();
  take_in(x, image, step);
  // Before there is a step to compare with, the free direction would be made to explain all that is left.
  if (first) return image;
  const Vector share = mixture();
  if (!share.allFinite()) return image;
  Vector next(x.size());
  for_each_block(x.size(), [&](Index begin, Index size) {
    next.segment(begin, size) = image.segment(begin, size);
    for (Index k = 0; k < columns(); ++k) {
      next.segment(begin, size) -= share(k) * image_[static_cast<std::size_t>(k)].segment(begin, size);
    }
  });
  return next;
}

/// A new column, or the oldest one.
Index AndersonMixing::column_for_step() {
  const Index column = free_columns() + steps_++ % depth_;
  if (column == columns()) {
    change_.emplace_back(last_change_.size());
    image_.emplace_back(last_change_.size());
    gram_.conservativeResize(columns(), columns());
  }
  return column;
}

/// Makes column `step` (none if < 0) of the last step, and the products; everything is read once.
void AndersonMixing::take_in(const Vector& x, const Vector& image, Index step) {
  if (step < 0) last_change_ = last_image_ = Vector::Zero(x.size());
  right_ = Vector::Zero(columns());
  Vector of_step = Vector::Zero(columns());
  for_each_block(x.size(), [&](Index begin, Index size) {
    const auto part = [&](auto& vector) { return vector.segment(begin, size); };
    const Vector change = part(image) - part(x);
    if (step >= 0) {
      part(change_[static_cast<std::size_t>(step)]) = change - part(last_change_);
      part(image_[static_cast<std::size_t>(step)]) = part(image) - part(last_image_);
    }
    for (Index k = 0; k < columns(); ++k) {
      const auto column = part(change_[static_cast<std::size_t>(k)]);
      right_(k) += column.dot(change);
      if (step >= 0) of_step(k) += column.dot(part(change_[static_cast<std::size_t>(step)]));
    }
    part(last_change_) = change;
    part(last_image_) = part(image);
  });
  if (step >= 0) gram_.col(step) = gram_.row(step).transpose() = of_step;
}

/// Least squares: the share of each column that makes the last change smallest.
Vector AndersonMixing::mixture() const {
  const Vector scale = gram_.diagonal().cwiseSqrt().cwiseMax(kLeastLength).cwiseInverse();
  Eigen::MatrixXd system = scale.asDiagonal() * gram_ * scale.asDiagonal();
  system.diagonal().array() += kParallel * static_cast<double>(columns());
  return scale.cwiseProduct(system.ldlt().solve(scale.cwiseProduct(right_)));
}

}  // namespace windtunnel::solvers
