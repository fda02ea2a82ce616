// SPDX-License-Identifier: Apache-2.0
// Answers questions in continuous stochastic logic about a labelled chain, every number between proven bounds.
// What the graph alone settles is exact: probabilities 0 and 1, infinite and zero rewards. Long-run averages and what
// happens without a time limit are solved and then proven (certified_average.h, certified_boundary_value.h), what
// happens within a time is uniformized (poisson_series.h).
// Source: C. Baier, B. Haverkort, H. Hermanns, J.-P. Katoen, IEEE Transactions on Software Engineering 29(6), 2003.
#pragma once
#include "solvers/chain/labelled_chain.h"
#include "solvers/csl/property.h"
#include "solvers/csl/verify.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

struct CheckOptions {
  /// kAutomatic, kGth, kGaussSeidel or kMultilevel, for what is solved; what is uniformized ignores it.
  Method method = Method::kAutomatic;
  /// Proven error that is wanted: absolute or relative to the value, whichever is wider. Both > 0.
  double absolute_tolerance = 1e-10;
  double relative_tolerance = 1e-8;
  /// Corrections per linear system; products per time are not limited by it.
  long long max_iterations = 20'000;
  /// Keep the certificate and check it on its own: CheckResult::verified.
  bool verify = false;
  /// That share the products of uniformization of large chains; answers are the same bit by bit.
  int threads = 1;
  /// The rates and rewards are each known up to this relative error, and the answer is that of any chain they may be
  /// those of (rate_perturbation.h). What that does to the bounds comes on top of the tolerances. >= 0.
  double rate_error = 0.0;
};

/// The answer in each state that was asked about, and anything in the others.
struct StateAnswer : SolveResult {
  /// The true value lies between; both infinite where it is.
  Vector lower;
  Vector upper;
  /// Only when asked for, and where one certificate proves the whole answer.
  std::optional<Certificate> certificate;
  /// By how much the answer may leave the bounds because of CheckOptions::rate_error; empty when that is 0.
  Vector perturbation;
  // error_bound: none, each state has its own.

  /// The bounds with what the rates may do to them.
  Interval bounds(Index state) const;
};

struct CheckResult : SolveResult {
  /// The middle of the bounds; infinite when the answer is. Meaningful in its bounds even when not usable().
  double value = 0.0;
  /// The true answer lies between.
  double lower = 0.0;
  double upper = 0.0;
  /// CPU time of this thread.
  double solve_time_s = 0.0;
  /// What the certificate alone proves (verify.h), in other arithmetic: a little wider than lower and upper.
  std::optional<Interval> verified;
  // error_bound: |value - true answer| is at most this.
};

/// Not usable when the tolerance could not be proven; the bounds found are returned all the same. Throws ChainError for
/// sets or rewards that do not fit the chain, std::invalid_argument for impossible options.
CheckResult check(const LabelledChain& chain, const Query& query, const StateFilter& filter,
                  const CheckOptions& options = {});

/// From the chain's initial state.
CheckResult check(const LabelledChain& chain, const Query& query, const CheckOptions& options = {});

/// In all states of `interest` at once.
StateAnswer check_states(const LabelledChain& chain, const Query& query, const StateSet& interest,
                         const CheckOptions& options = {});

}  // namespace windtunnel::solvers
