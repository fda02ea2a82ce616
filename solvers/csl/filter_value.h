// SPDX-License-Identifier: Apache-2.0
// How a filter makes one value of those of several states.
#pragma once
#include <optional>

#include "solvers/csl/property.h"
#include "solvers/csl/property_parser.h"

namespace windtunnel::solvers {

/// Empty for filters whose value is a count or a truth.
std::optional<FilterOperator> numeric_operator(FilterSyntaxOperator filter_operator);

/// Values of the filter's states as one. `values`: one per state of the chain.
double reduced(const Vector& values, const StateFilter& filter);

}  // namespace windtunnel::solvers
