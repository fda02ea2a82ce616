// SPDX-License-Identifier: Apache-2.0
// The serving study's own steps of a derivation, between the question and the chains; for reports of
// Detail::kDerivation.
#pragma once

#include "modeling/report/report.h"
#include "modeling/studies/serving/serving.h"

namespace windtunnel::modeling {

/// The engine's clock at several loads, the requests, the chain of slots; its states and arrows.
void derive_serving(const PlacedServing& placed, Report& report);

}  // namespace windtunnel::modeling
