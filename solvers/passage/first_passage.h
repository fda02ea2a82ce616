// SPDX-License-Identifier: Apache-2.0
// Distribution of the time until a chain first is in one of the target states.
#pragma once
#include <optional>
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/chain/uniformized_chain.h"
#include "solvers/numerics/poisson_weights.h"
#include "solvers/numerics/solve_result.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

struct FirstPassageOptions {
  /// Probability that uniformization may leave out. Between 0 and 1.
  double tolerance = 1e-13;
  /// Matrix-vector products in all; a time t needs about max exit rate * t of them.
  long long max_iterations = 20'000'000;
};

struct PassageProbability : SolveResult {
  /// P(T <= t) and P(T > t), each summed directly: small ones keep their digits.
  double reached = 0.0;
  double not_reached = 0.0;
  /// How far each may be off: what uniformization leaves out, and roundings relative to its size.
  double reached_error = 0.0;
  double not_reached_error = 0.0;
  // error_bound: the larger of the two.
};

struct PassageQuantile : SolveResult {
  /// The t with P(T <= t) = level; infinite when the targets are reached with a smaller probability than that.
  double time_s = 0.0;
  // error_bound: on P(T <= time_s) - level.
};

/// Uniformization of the chain with its targets made absorbing. The products are done once: every further time or level
/// costs only a sum over the Poisson window.
class FirstPassage {
 public:
  /// Throws ChainError for an initial vector that is no distribution or targets that do not exist.
  FirstPassage(const Generator& q, const std::vector<Index>& targets, const Vector& initial,
               const FirstPassageOptions& options = {});

  /// `time_s` >= 0 and finite, else std::invalid_argument.
  PassageProbability within(double time_s);
  /// 0 < level < 1, else std::invalid_argument. Brackets by doubling, then by Chandrupatla's method (root_finding.h),
  /// to 1e-12 of the time.
  PassageQuantile quantile(double level);

 private:
  /// Computes the sequences up to `ticks`; false when that takes more products than allowed.
  bool extend_to(Index ticks);
  double rounding(const PoissonWeights& poisson) const;
  /// P(T <= time_s) - level, by the smaller of both sides; NaN when out of products.
  double excess(double level, double time_s);
  /// A time with P(T <= time) >= level; NaN when out of products.
  double late_enough_s(double level);

  FirstPassageOptions options_;
  std::vector<Index> targets_;
  Generator absorbing_;
  UniformizedChain chain_;
  Vector initial_;
  Vector x_;
  /// That the targets are ever reached; computed when a quantile is asked for.
  std::optional<double> reach_probability_;
  // After k ticks: mass that has arrived, and mass still underway.
  std::vector<double> arrived_;
  std::vector<double> underway_;
};

}  // namespace windtunnel::solvers
