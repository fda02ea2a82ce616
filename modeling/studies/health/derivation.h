// SPDX-License-Identifier: Apache-2.0
// The availability study's own steps of a derivation, between the question and the chains; for reports of
// Detail::kDerivation.
#pragma once

#include "modeling/report/report.h"
#include "modeling/studies/health/availability.h"

namespace windtunnel::modeling {

/// What stops the job, the spares, the checkpoints.
void derive_availability(const JobHealth& health, const AvailabilityAnswer& answer, Report& report);

}  // namespace windtunnel::modeling
