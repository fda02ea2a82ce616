// SPDX-License-Identifier: Apache-2.0
// Which properties can be asked of a chain that counts equal modules instead of telling them apart: those that treat
// the modules alike.
#pragma once
#include <vector>

#include "solvers/csl/property_parser.h"
#include "solvers/prism/module_symmetry.h"
#include "solvers/prism/scope.h"

namespace windtunnel::solvers {

/// Every expression over states that the answer to the property depends on, bound: operands, filters, labels of the
/// file, other properties it names; inner operators and labels of the model are leaves in them. Throws InputError where
/// names or types do not fit.
std::vector<prism::ExpressionPointer> state_expressions(const PropertyFile& file, const PropertySyntax& property,
                                                        prism::Scope& scope);

/// Throws InputError at the part of the property that tells symmetric modules apart, or that counts states.
void require_symmetric(const PropertyFile& file, const PropertySyntax& property, prism::Scope& scope,
                       const prism::ModuleSymmetry& symmetry);

}  // namespace windtunnel::solvers
