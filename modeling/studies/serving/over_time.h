// SPDX-License-Identifier: Apache-2.0
// Serving while load and replicas change: what requests meet in the course of a burst, a failure or a day.
#pragma once

#include <optional>

#include "modeling/chains/serving_over_time/episode.h"
#include "modeling/studies/serving/serving.h"

namespace windtunnel::modeling {

/// From the chain, or with `simulated_requests` from the event simulation; where the chain does not reach from the
/// event simulation with a warning.
LoadAnswer answer_transient(const PlacedServing& placed, const LoadEpisode& episode,
                            std::optional<Count> simulated_requests);

/// Measures `transient.*`, the series over time, curves and a sentence of the finding.
void write_transient(const PlacedServing& placed, const LoadEpisode& episode, const LoadAnswer& answer, Report& report);

}  // namespace windtunnel::modeling
