// SPDX-License-Identifier: Apache-2.0
// Distribution of a chain at given times, p(t) = p(0) exp(Q t), and the time spent in each state until then.
#pragma once
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/numerics/solve_result.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

struct TransientOptions {
  /// Probability that uniformization may leave out at each time. Between 0 and 1.
  double tolerance = 1e-12;
  /// Also integrate: fill TransientSolution::sojourn_s.
  bool with_sojourn = false;
  /// Matrix-vector products; the largest time needs about max exit rate * time of them.
  long long max_iterations = 100'000'000;
};

struct TransientSolution : SolveResult {
  /// probability[k](i): of state i at times_s[k]. Never above the true value but for rounding; sums to 1 - lost mass.
  std::vector<Vector> probability;
  /// sojourn_s[k](i): expected time in state i during [0, times_s[k]]. Empty unless asked for.
  std::vector<Vector> sojourn_s;
  /// Bound on sum_i |error of sojourn_s[k](i)|, at the worst of the times.
  double sojourn_error_bound_s = 0.0;
  // error_bound: on sum_i |error of probability[k](i)| at the worst of the times, truncation and rounding.
};

/// Uniformization with exact Poisson tails, one pass for all times. Suits max exit rate * time up to about 1e7.
/// Source: Jensen 1953; Stewart, Introduction to the Numerical Solution of Markov Chains, 1994, chapter 8.
/// Throws ChainError for an initial vector that is no distribution, std::invalid_argument for a time that is not finite
/// and >= 0.
TransientSolution solve_transient(const Generator& q, const Vector& initial, const std::vector<double>& times_s,
                                  const TransientOptions& options = {});

}  // namespace windtunnel::solvers
