// SPDX-License-Identifier: Apache-2.0
// One step as a timeline: what every pipeline rank does when, the traffic beside it, and what follows the pipeline.
#pragma once

#include "modeling/report/timeline.h"
#include "modeling/studies/training/training.h"

namespace windtunnel::modeling {

/// Groups of tracks:
///   pipeline ranks    forwards and backwards of the micro-batches at their mean times, then gradient exchange,
///   optimizer
///                     and waiting for stragglers; every rank ends with the mean step
///   communication     traffic of each chunk that the rank does not wait for, from the chunk's start on; its place
///                     inside the chunk is not modelled
///   inside a layer    the activities of each template, forward, recomputed and backward, once
/// Of zero-bubble and DualPipe steps the ranks show work and bubble as two bars. Times are means of the least congested
/// level; what jitter and congestion add on average is the wait at the end.
Timeline training_timeline(const PlacedTraining& placed, const TrainingAnswer& answer);

}  // namespace windtunnel::modeling
