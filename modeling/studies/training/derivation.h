// SPDX-License-Identifier: Apache-2.0
// The training study's own steps of a derivation, between the question and the chains; for reports of
// Detail::kDerivation.
#pragma once

#include "modeling/report/report.h"
#include "modeling/studies/training/training.h"

namespace windtunnel::modeling {

/// Layout, operators of one layer with their times, pipeline and tail, congestion, the law of the step; states and
/// arrows of the device, link and step chains.
void derive_training(const PlacedTraining& placed, const TrainingAnswer& answer, const Machine& machine,
                     Report& report);

}  // namespace windtunnel::modeling
