// SPDX-License-Identifier: Apache-2.0
// How the chain of a model changes with one of the model's constants: each rate and each reward is an expression, and
// is differentiated as it is evaluated (dual_number.h).
#pragma once
#include <optional>

#include "solvers/chain/chain_change.h"
#include "solvers/chain/labelled_chain.h"
#include "solvers/prism/bound_model.h"
#include "solvers/prism/module_symmetry.h"

namespace windtunnel::solvers::prism {

/// The change per unit of the constant, between bounds: of all rates, and of what one reward structure earns. `chain`
/// is what build_chain made of the same model and symmetry; `model` was bound in a scope that differentiates. One pass
/// over the states. Throws InputError where there is no derivative: where a number is rounded or compared exactly where
/// the outcome changes, or a transition has rate 0 and gets another one.
ChainChange chain_derivative(const BoundModel& model, const ModuleSymmetry& symmetry, const LabelledChain& chain,
                             std::optional<std::size_t> rewards);

}  // namespace windtunnel::solvers::prism
