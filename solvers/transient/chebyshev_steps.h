// SPDX-License-Identifier: Apache-2.0
// Long explicit steps for y' = Q y + slow terms, Q with real eigenvalues: with s slopes a step may be as long as 0.65
// s^2 over the fastest eigenvalue, where classical methods gain only in proportion to s. Runge-Kutta-Chebyshev method
// of second order: Sommeijer, Shampine, Verwer, Journal of Computational and Applied Mathematics 88, 1997.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace windtunnel::solvers {

class ChebyshevSteps {
 public:
  /// Eigenvalues between -fastest_per_s and 0.
  ChebyshevSteps(double step_s, double fastest_per_s)
      : step_s_(step_s), stages_(std::max(2, 1 + static_cast<int>(std::sqrt(1.0 + 1.54 * step_s * fastest_per_s)))) {
    choose_weights();
  }

  int stages() const { return stages_; }

  /// y after one step of y' = slope(y).
  template <typename State, typename Slope>
  State advance(const State& y, const Slope& slope) const {
    const State first = slope(y);
    State before = y;
    State now = y + first_weight_ * step_s_ * first;
    for (const Weights& w : weights_) {
      State next = (1.0 - w.now - w.before) * y + w.now * now + w.before * before +
                   step_s_ * (w.slope * slope(now) + w.first_slope * first);
      before = std::move(now);
      now = std::move(next);
    }
    return now;
  }

 private:
  /// Of the stages from the second on.
  struct Weights {
    double now, before, slope, first_slope;
  };

  /// From the Chebyshev polynomials T_j and their derivatives at w0 = 1 + 2 / (13 s^2).
  void choose_weights() {
    const auto s = static_cast<std::size_t>(stages_);
    const double w0 = 1.0 + 2.0 / (13.0 * static_cast<double>(s * s));
    std::vector<double> t = {1.0, w0}, first = {0.0, 1.0}, second = {0.0, 0.0};
    for (std::size_t j = 2; j <= s; ++j) {
      t.push_back(2.0 * w0 * t[j - 1] - t[j - 2]);
      first.push_back(2.0 * t[j - 1] + 2.0 * w0 * first[j - 1] - first[j - 2]);
      second.push_back(4.0 * first[j - 1] + 2.0 * w0 * second[j - 1] - second[j - 2]);
    }
    const double w1 = first[s] / second[s];
    const auto b = [&](std::size_t j) {
      const std::size_t k = std::max<std::size_t>(j, 2);
      return second[k] / (first[k] * first[k]);
    };
    first_weight_ = b(1) * w1;
    for (std::size_t j = 2; j <= s; ++j) {
      const double slope = 2.0 * b(j) * w1 / b(j - 1);
      weights_.push_back({.now = 2.0 * b(j) * w0 / b(j - 1),
                          .before = -b(j) / b(j - 2),
                          .slope = slope,
                          .first_slope = -(1.0 - b(j - 1) * t[j - 1]) * slope});
    }
  }

  double step_s_;
  int stages_;
  double first_weight_ = 0.0;
  std::vector<Weights> weights_;
};

}  // namespace windtunnel::solvers
