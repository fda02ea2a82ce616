// SPDX-License-Identifier: Apache-2.0
// A question asked of fewer states: the coarsest lumping that keeps apart what the question tells apart.
// Sums of rates are rounded, so the quotient is that of a chain whose rates differ a little: by at most `rate_error`
// relative, measured in double-double over all states and blocks. What that can do to the answer: rate_perturbation.h.
#pragma once

#include <optional>

#include "solvers/chain/labelled_chain.h"
#include "solvers/csl/property.h"

namespace windtunnel::solvers {

struct LumpedQuestion {
  /// Without labels and variables; the reward that the query is about is the only one.
  LabelledChain chain;
  Query query;
  StateFilter filter;
  /// The answer of the chain itself is between the bounds that `check` finds with this as CheckOptions::rate_error.
  double rate_error = 0.0;
};

/// The same answer from the quotient. Empty where jumps inside a block count (the operator X), where the filter counts
/// states (average, sum), or where no two states can be counted as one. The rates of the chain may themselves be known
/// up to `rate_error` only.
std::optional<LumpedQuestion> lumped_question(const LabelledChain& chain, const Query& query, const StateFilter& filter,
                                              double rate_error = 0.0);

}  // namespace windtunnel::solvers
