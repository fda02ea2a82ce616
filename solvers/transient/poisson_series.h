// SPDX-License-Identifier: Apache-2.0
// Uniformization from the reward side: sum_k weight_k y_k with y_k = P^k y_0, P = I + Q / rate, in every state at once,
// and with bounds that allow to stop as soon as the rest is known well enough, however many terms there would be:
// all later y lie between the least and the largest entry of this one (and 0, where the chain can leave); and where
// lowest y_k <= y_(k+1) <= highest y_k holds in every state (ratios of Collatz and Wielandt), the rest is y_k times a
// geometric sum. Sources: Jensen 1953; W. J. Stewart, Introduction to the Numerical Solution of Markov Chains, 1994,
// chapter 8; H. Wielandt, Mathematische Zeitschrift 52, 1950.
#pragma once
#include <vector>

#include "solvers/chain/partial_chain.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

/// weight_k >= 0 for k = first .. first + weight.size() - 1, `before` for all k before them; what was cut off, or taken
/// too large, sums to at most `lost`.
struct SeriesWeights {
  Index first = 0;
  Vector weight;
  double before = 0.0;
  double lost = 0.0;

  double at(Index k) const { return k < first ? before : weight(k - first); }
  Index last() const { return first + weight.size() - 1; }

  /// Of the value at `mean` <= 1e12 ticks (16 million weights): the Poisson probabilities. `cut_mass` > 0 may be left
  /// out.
  static SeriesWeights at_time(double mean, double cut_mass = kCutMass);
  /// Of the integral until then, in ticks, or of a sum of increments: P(count > k).
  static SeriesWeights until_time(double mean, double cut_mass = kCutMass);

  /// Below the rounding of what is summed, unless terms are large and the sum is not.
  static constexpr double kCutMass = 1e-17;
};

struct SeriesOptions {
  /// Stop when the states of interest are known up to this; in units of the sum.
  double absolute_tolerance = 1e-10;
  double relative_tolerance = 1e-8;
  long long max_products = 100'000'000;
  /// That share the products of large chains; the sum is the same bit by bit.
  int threads = 1;
};

struct SeriesSum : SolveResult {
  /// One entry per state of the part; the sum lies between them.
  Vector lower;
  Vector upper;
  // iterations: products.
};

/// Ticks per second of the chain made discrete: 1.02 times the largest exit rate, so that no state surely jumps (period
/// 1; Stewart 1994, section 1.7).
double tick_rate(const PartialChain& part);

/// `interest`: states of the part. Rates that leave the part carry 0 home.
SeriesSum sum_series(const PartialChain& part, const Vector& first_term, const SeriesWeights& weights,
                     const std::vector<Index>& interest, const SeriesOptions& options = {});

}  // namespace windtunnel::solvers
