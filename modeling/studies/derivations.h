// SPDX-License-Identifier: Apache-2.0
// The studies' own steps of a derivation, between the question and the chains; for reports of Detail::kDerivation.
#pragma once

#include "modeling/report/report.h"
#include "modeling/studies/availability.h"
#include "modeling/studies/serving.h"
#include "modeling/studies/training.h"

namespace windtunnel::modeling {

/// Layout, operators of one layer with their times, pipeline and tail, congestion, the law of the step; states and
/// arrows of the device, link and step chains.
void derive_training(const PlacedTraining& placed, const TrainingAnswer& answer, const Machine& machine,
                     Report& report);

/// What stops the job, the spares, the checkpoints.
void derive_availability(const JobHealth& health, const AvailabilityAnswer& answer, Report& report);

/// The engine's clock at several loads, the requests, the chain of slots; its states and arrows.
void derive_serving(const PlacedServing& placed, Report& report);

}  // namespace windtunnel::modeling
