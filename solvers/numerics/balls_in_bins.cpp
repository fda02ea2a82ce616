// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/balls_in_bins.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <stdexcept>

namespace windtunnel::solvers {

namespace {

using Complex = std::complex<double>;

/// Below this a value counts as impossible; rounding of the Fourier sum is of this size.
constexpr double kNegligible = 1e-15;

Complex power(Complex base, int exponent) {
  Complex result = 1.0;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (exponent % 2 == 1) result *= base;
  }
  return result;
}

/// Points of the Fourier sum: aliases lie this far from `balls`, where a Poisson count of that mean has probability
/// below 1e-18 (its tail falls faster than exp(-x^2 / (2 (mean + x / 3)))).
int points(int balls) {
  return 2 * static_cast<int>(std::ceil(7.0 * std::sqrt(static_cast<double>(balls)) + 32.0));
}

/// P(all counts <= k, sum = balls) for k = 0, 1, ... one after the other.
class TruncatedSums {
 public:
  TruncatedSums(int balls, int bins) : balls_(balls), bins_(bins), count_(points(balls)) {
    const double mean = static_cast<double>(balls) / bins;
    term_.assign(count_ / 2 + 1, std::exp(-mean));
    sum_.assign(term_.size(), 0.0);
    for (int j = 0; j <= count_ / 2; ++j) turn_.push_back(std::polar(1.0, angle(j)));
    for (int j = 0; j <= count_ / 2; ++j) back_.push_back(std::polar(1.0, -angle(j) * balls_));
  }

  double next() {
    const double mean = static_cast<double>(balls_) / bins_;
    double total = 0.0;
    for (int j = 0; j <= count_ / 2; ++j) {
      sum_[j] += term_[j];
      term_[j] *= turn_[j] * (mean / (k_ + 1));
      // Points j and count - j are conjugate; 0 and count / 2 stand alone.
      const double weight = j == 0 || 2 * j == count_ ? 1.0 : 2.0;
      total += weight * (power(sum_[j], bins_) * back_[j]).real();
    }
    ++k_;
    return total / count_;
  }

 private:
  double angle(int j) const { return 2.0 * std::numbers::pi * j / count_; }

  int balls_;
  int bins_;
  int count_;
  int k_ = 0;
  std::vector<Complex> term_;
  std::vector<Complex> sum_;
  std::vector<Complex> turn_;
  std::vector<Complex> back_;
};

double poisson_at_its_mean(int balls) {
  return balls == 0 ? 1.0 : std::exp(balls * std::log(static_cast<double>(balls)) - balls - std::lgamma(balls + 1.0));
}

}  // namespace

FullestBin::FullestBin(int balls, int bins) {
  if (balls < 0 || bins < 1) throw std::invalid_argument("FullestBin needs balls >= 0 and bins >= 1");
  if (bins == 1 || balls <= 1) {
    least_ = balls;
    cdf_ = {1.0};
    return;
  }
  TruncatedSums sums(balls, bins);
  const double scale = 1.0 / poisson_at_its_mean(balls);
  for (int k = 0; k <= balls; ++k) {
    const double p = k * static_cast<double>(bins) < balls ? (sums.next(), 0.0) : std::min(1.0, sums.next() * scale);
    if (p <= kNegligible && cdf_.empty()) continue;
    if (cdf_.empty()) least_ = k;
    cdf_.push_back(cdf_.empty() ? p : std::max(p, cdf_.back()));
    if (p >= 1.0 - kNegligible) break;
    // Rounding may keep the value just below 1: stop where the union bound over bins has decided.
    if (p >= 1.0 - 1e-12 && cdf_.size() > 1 && p - cdf_[cdf_.size() - 2] <= kNegligible) break;
  }
  cdf_.back() = 1.0;
}

double FullestBin::cdf(int k) const {
  if (k < least_) return 0.0;
  return k >= most() ? 1.0 : cdf_[k - least_];
}

}  // namespace windtunnel::solvers
