// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/requests/token_law.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "solvers/numerics/incomplete_gamma.h"

namespace windtunnel::modeling {

namespace {

/// Below this many tokens the rounding of a gamma variable is summed, above it is integrated.
constexpr int kSummed = 64;

}  // namespace

TokenLaw::TokenLaw(const TokenCount& count) {
  const double mean = std::max(1.0, count.mean);
  if (count.scv == 0.0) {
    mean_ = std::max(1.0, std::round(mean));
    return;
  }
  if (count.scv == 1.0) {
    kind_ = Kind::kGeometric;
    mean_ = mean;
    scale_ = 1.0 - 1.0 / mean;
    variance_ = mean * (mean - 1.0);
    return;
  }
  kind_ = Kind::kGamma;
  shape_ = 1.0 / count.scv;
  scale_ = mean * count.scv;
  // E[N] = 1 + sum over n >= 1 of P(N > n), E[N^2] = 1 + sum of (2 n + 1) P(N > n), with P(N > n) = P(X >= n + 1/2);
  // from kSummed on the sums are the integrals they are the midpoint rules of.
  double first = 1.0, second = 1.0;
  for (int n = 1; n < kSummed; ++n) {
    const double beyond = continuous_survival(n + 0.5);
    first += beyond;
    second += (2.0 * n + 1.0) * beyond;
  }
  const double edge = kSummed, at = edge / scale_, beyond = solvers::gamma_survival(shape_, at);
  first += mean * solvers::gamma_survival(shape_ + 1.0, at) - edge * beyond;
  second += mean * mean * (1.0 + count.scv) * solvers::gamma_survival(shape_ + 2.0, at) - edge * edge * beyond;
  mean_ = first;
  variance_ = std::max(0.0, second - first * first);
}

TokenLaw TokenLaw::of_sample(std::vector<Count> sample) {
  std::sort(sample.begin(), sample.end());
  TokenLaw law;
  law.kind_ = sample.front() == sample.back() ? Kind::kConstant : Kind::kSample;
  const double n = static_cast<double>(sample.size());
  law.mean_ = 0.0;
  for (const Count one : sample) law.mean_ += static_cast<double>(one) / n;
  for (const Count one : sample)
    law.variance_ += (static_cast<double>(one) - law.mean_) * (static_cast<double>(one) - law.mean_) / n;
  if (law.kind_ == Kind::kConstant) law = TokenLaw(TokenCount{.mean = static_cast<double>(sample.front())});
  law.sample_ = std::make_shared<const std::vector<Count>>(std::move(sample));
  return law;
}

double TokenLaw::continuous_survival(double x) const {
  return solvers::gamma_survival(shape_, x / scale_);
}

double TokenLaw::survival(Count n) const {
  if (n < 1) return 1.0;
  switch (kind_) {
    case Kind::kConstant:
      return static_cast<double>(n) < mean_ ? 1.0 : 0.0;
    case Kind::kGeometric:
      return std::pow(scale_, static_cast<double>(n));
    case Kind::kSample:
      return static_cast<double>(sample_->end() - std::upper_bound(sample_->begin(), sample_->end(), n)) /
             static_cast<double>(sample_->size());
    case Kind::kGamma:
      break;
  }
  return continuous_survival(static_cast<double>(n) + 0.5);
}

double TokenLaw::probability(Count n) const {
  return n < 1 ? 0.0 : survival(n - 1) - survival(n);
}

Count TokenLaw::quantile(double probability) const {
  Count low = 0, high = 1;
  while (1.0 - survival(high) < probability) high *= 2;
  while (high - low > 1) {
    const Count middle = (low + high) / 2;
    (1.0 - survival(middle) < probability ? low : high) = middle;
  }
  return high;
}

Count TokenLaw::sample(solvers::RandomSource& random) const {
  switch (kind_) {
    case Kind::kConstant:
      return static_cast<Count>(mean_);
    case Kind::kGeometric:
      return scale_ <= 0.0 ? 1 : 1 + static_cast<Count>(std::floor(std::log(random.uniform()) / std::log(scale_)));
    case Kind::kSample: {
      const double size = static_cast<double>(sample_->size());
      return (*sample_)[static_cast<std::size_t>(std::min(size - 1.0, std::floor(random.uniform() * size)))];
    }
    case Kind::kGamma:
      break;
  }
  return std::max<Count>(1, std::llround(scale_ * random.gamma(shape_)));
}

std::vector<TokenLaw::Point> TokenLaw::quadrature(int points) const {
  if (is_constant()) return {{mean_, 1.0}};
  std::vector<Point> cells;
  double sum = 0.0;
  for (int i = 0; i < points; ++i) {
    // Gauss-Legendre would need a smooth quantile function; four midpoints per cell follow a rounded one.
    double tokens = 0.0;
    for (int k = 0; k < 4; ++k) tokens += 0.25 * static_cast<double>(quantile((i + (k + 0.5) / 4.0) / points));
    cells.push_back({tokens, 1.0 / points});
    sum += tokens / points;
  }
  // The last cell takes what the midpoints lose of the tail.
  cells.back().tokens += (mean_ - sum) * points;
  return cells;
}

}  // namespace windtunnel::modeling
