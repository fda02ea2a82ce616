// SPDX-License-Identifier: Apache-2.0
// A question asked of fewer states: the coarsest lumping that keeps apart what the question tells apart.
//
// Sums of rates are rounded, so the quotient is that of a chain whose rates differ a little: by at most `rate_error`
// relative, measured in double-double over all states and blocks. What that can do to the answer is bounded:
//   without a time limit   answers are ratios of sums of products of at most n - 1 rates each (all minors matrix tree
//                          theorem; Chaiken, SIAM Journal on Algebraic and Discrete Methods 3, 1982), so relative
//                          2 n rate_error to first order; 4 n is taken
//   within a time t        by Duhamel's formula rate_error x largest exit rate x t x range of what is earned at t; for
//                          what is earned until t that of its rate times t / 2
#pragma once

#include <optional>

#include "solvers/csl/property.h"
#include "solvers/labelled_chain.h"

namespace windtunnel::solvers {

/// At most so far is the answer `value` of the chain from what it would be with rates that differ by at most
/// `rate_error` relative.
double perturbation(const LabelledChain& chain, const Query& query, double rate_error, double value);

/// Whether perturbation() knows a bound: not for variances, moments, quantiles and rewards below 0.
bool has_bounded_perturbation(const LabelledChain& chain, const Query& query);

struct LumpedQuestion {
  /// Without labels and variables; the reward that the query is about is the only one.
  LabelledChain chain;
  Query query;
  StateFilter filter;
  double rate_error = 0.0;

  /// At most so far is the answer `value` of the quotient from that of the chain itself.
  double perturbation(double value) const;
};

/// The same answer from the quotient. Empty where jumps inside a block count (the operator X), where the filter counts
/// states (average, sum), for variances, moments and quantiles and rewards below 0, whose perturbation is not bounded
/// here, or where no two states can be counted as one.
std::optional<LumpedQuestion> lumped_question(const LabelledChain& chain, const Query& query,
                                              const StateFilter& filter);

}  // namespace windtunnel::solvers
