// SPDX-License-Identifier: Apache-2.0
// A question asked of fewer states: the coarsest lumping that keeps apart what the question tells apart.
//
// Blocks are formed where the sums of rates agree bit by bit, so the quotient is the chain's own and not one nearby.
// [A] The sums themselves are rounded once per term (2^-53, relative), which no error bound of the answer covers.
#pragma once

#include <optional>

#include "solvers/csl/property.h"
#include "solvers/labelled_chain.h"

namespace windtunnel::solvers {

struct LumpedQuestion {
  /// Without labels and variables; the reward that the query is about is the only one.
  LabelledChain chain;
  Query query;
  StateFilter filter;
};

/// The same answer from the quotient. Empty where jumps inside a block count (the operator X), where the filter counts
/// states (average, sum), or where no two states can be counted as one.
std::optional<LumpedQuestion> lumped_question(const LabelledChain& chain, const Query& query,
                                              const StateFilter& filter);

}  // namespace windtunnel::solvers
