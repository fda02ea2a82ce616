// SPDX-License-Identifier: Apache-2.0
// A recorded trace as a law: what the chains answer beside its replay, and how well the law fits.
#pragma once

#include <optional>

#include "modeling/studies/serving/serving.h"

namespace windtunnel::modeling {

/// The question with the trace's law instead of the trace: an open loop with its rate, bursts of two levels with its
/// dispersion of counts, prompts and outputs drawn from its own independently [A]. Empty: the question is no trace, or
/// all of it arrives at once.
std::optional<PlacedServing> fitted_to_trace(const PlacedServing& placed);

/// Adds the breakdowns `trace_fit` (fitted against measured) and `fitted_load` (the measures of the law's long run),
/// and warnings where the law is far from the trace.
void compare_trace_and_fit(const PlacedServing& placed, const PlacedServing& fitted, Report& report);

}  // namespace windtunnel::modeling
