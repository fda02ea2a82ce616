// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/poisson_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "solvers/numerics/poisson_expectation.h"

namespace windtunnel::solvers {
namespace {

/// Sum of numbers >= 0 with the rounding errors carried along: Neumaier, Zeitschrift fuer Angewandte Mathematik und
/// Mechanik 54, 1974.
class CompensatedSum {
 public:
  void add(double value) {
    const double next = sum_ + value;
    lost_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
    sum_ = next;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0.0;
  double lost_ = 0.0;
};

/// One side of the distribution, walked away from the mode: the terms kept and the mass beyond them.
struct Side {
  std::vector<double> kept;
  double rest = 0.0;
};

/// `ratio(k)` = term k + 1 over term k of this side; it falls with k, so a geometric series bounds what is still to
/// come.
template <typename Ratio>
Side walk(double first, double allowed, Ratio ratio) {
  Side side;
  double term = first;
  Index k = 0;
  const auto beyond = [&] { return ratio(k) < 1.0 ? term * ratio(k) / (1.0 - ratio(k)) : HUGE_VAL; };
  for (; beyond() > allowed; ++k) {
    term *= ratio(k);
    side.kept.push_back(term);
  }
  CompensatedSum rest;
  for (; beyond() > 1e-17 * rest.value() && term > 0.0; ++k) {  // 1e-17: a tenth of a rounding error
    term *= ratio(k);
    rest.add(term);
  }
  side.rest = rest.value();
  return side;
}

}  // namespace

PoissonWeights poisson_weights(double mean, double tolerance) {
  if (!(mean >= 0.0) || !std::isfinite(mean))
    throw std::invalid_argument(fmt::format("Poisson mean {} is not finite and >= 0", mean));
  if (!(tolerance > 0.0 && tolerance < 1.0)) {
    throw std::invalid_argument(fmt::format("tolerance {} is not between 0 and 1", tolerance));
  }
  if (mean == 0.0) return {.left = 0, .weight = Vector::Ones(1)};
  const auto mode = static_cast<Index>(std::floor(mean));
  const double at_mode = poisson_mode_probability(mean);
  const Side below = walk(at_mode, 0.5 * tolerance, [&](Index k) { return static_cast<double>(mode - k) / mean; });
  const Side above = walk(at_mode, 0.5 * tolerance, [&](Index k) { return mean / static_cast<double>(mode + k + 1); });
  PoissonWeights weights{.left = mode - static_cast<Index>(below.kept.size())};
  weights.weight.resize(static_cast<Index>(below.kept.size() + 1 + above.kept.size()));
  std::reverse_copy(below.kept.begin(), below.kept.end(), weights.weight.begin());
  weights.weight(mode - weights.left) = at_mode;
  std::copy(above.kept.begin(), above.kept.end(), weights.weight.end() - static_cast<Index>(above.kept.size()));
  CompensatedSum total;
  total.add(below.rest);
  for (const double weight : weights.weight) total.add(weight);
  total.add(above.rest);
  weights.weight /= total.value();
  weights.left_mass = below.rest / total.value();
  weights.right_mass = above.rest / total.value();
  return weights;
}

}  // namespace windtunnel::solvers
