// SPDX-License-Identifier: Apache-2.0
// The studies' own steps of a derivation, between the question and the chains; for reports of Detail::kDerivation.
#pragma once

#include "modeling/report/report.h"
#include "modeling/studies/availability.h"
#include "modeling/studies/serving.h"
#include "modeling/studies/training.h"

namespace windtunnel::modeling {

/// Layout, operators of one layer with their times, pipeline and tail; arrows of the device chain. `step`: the step at
/// its fixed point; `straggler_s`: what jitter adds to it.
void derive_training(const PlacedTraining& placed, const TrainingStep& step, double straggler_s, const Machine& machine,
                     Report& report);

/// What stops the job, the spares, the checkpoints.
void derive_availability(const JobHealth& health, const AvailabilityAnswer& answer, Report& report);

/// The engine's clock at several loads, the requests.
void derive_serving(const PlacedServing& placed, Report& report);

}  // namespace windtunnel::modeling
