// SPDX-License-Identifier: Apache-2.0
// How many tokens a prompt or an output has: constant, geometric, gamma, or the tokens of a trace.
#pragma once

#include <memory>
#include <vector>

#include "modeling/spec/spec.h"
#include "solvers/numerics/random.h"

namespace windtunnel::modeling {

/// A law on 1, 2, 3, ... tokens. `{mean, scv 0}` is constant (rounded), scv 1 geometric on 1, 2, ... with this mean,
/// any other scv a gamma variable of this mean and scv, rounded and at least 1.
class TokenLaw {
 public:
  TokenLaw() : TokenLaw(TokenCount{.mean = 1.0}) {}
  explicit TokenLaw(const TokenCount& count);
  /// Each of these lengths, >= 1, with the same probability. At least one.
  static TokenLaw of_sample(std::vector<Count> sample);

  /// Of the law as sampled: after rounding and the floor of 1.
  double mean() const { return mean_; }
  double variance() const { return variance_; }
  double scv() const { return variance_ / (mean_ * mean_); }
  bool is_constant() const { return variance_ == 0.0; }
  bool is_geometric() const { return kind_ == Kind::kGeometric; }
  /// P(tokens = n).
  double probability(Count n) const;
  /// P(tokens > n).
  double survival(Count n) const;
  /// Smallest n with P(tokens <= n) >= probability, 0 < probability < 1.
  Count quantile(double probability) const;
  Count sample(solvers::RandomSource& random) const;

  /// `points` lengths and their weights (sum 1) that keep the mean: cells of equal probability, each at its own mean.
  struct Point {
    double tokens = 0.0;
    double weight = 0.0;
  };
  std::vector<Point> quadrature(int points) const;

 private:
  enum class Kind { kConstant, kGeometric, kGamma, kSample };
  double continuous_survival(double x) const;

  Kind kind_ = Kind::kConstant;
  double mean_ = 1.0;
  double variance_ = 0.0;
  /// Gamma: shape and scale; geometric: scale_ holds the probability of going on.
  double shape_ = 1.0;
  double scale_ = 1.0;
  /// Ascending.
  std::shared_ptr<const std::vector<Count>> sample_;
};

}  // namespace windtunnel::modeling
