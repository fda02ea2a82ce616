// SPDX-License-Identifier: Apache-2.0
// Expressions over all states of a chain at once.
#pragma once
#include "solvers/chain/labelled_chain.h"
#include "solvers/prism/evaluator.h"

namespace windtunnel::solvers::prism {

/// The states in which a bound boolean expression holds. Throws InputError in `file` where it has no value.
StateSet states_where(const ExpressionPointer& expression, const LabelledChain& chain, const StateColumns& columns,
                      const std::string& file);

/// The value of a bound numeric expression in every state.
Vector values_of(const ExpressionPointer& expression, const LabelledChain& chain, const StateColumns& columns,
                 const std::string& file);

}  // namespace windtunnel::solvers::prism
