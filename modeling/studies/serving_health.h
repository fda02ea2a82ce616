// SPDX-License-Identifier: Apache-2.0
// Serving with failures: how many replicas serve at a time, and what requests meet while some do not.
#pragma once

#include <optional>
#include <vector>

#include "modeling/chains/replica_fleet.h"
#include "modeling/studies/job_health.h"
#include "modeling/studies/serving.h"

namespace windtunnel::modeling {

/// What the fleet does with this many replicas serving.
struct FleetPoint {
  Count replicas = 0;
  double slo_met_ratio = 0.0;
  double requests_per_s = 0.0;
  /// Stable, and every limit of the SLO held.
  bool is_enough = false;
};

struct ServingHealth {
  JobHealth health;
  ReplicaFleet fleet;
  FleetLaw law;
  /// From all replicas down, until fewer serve less than 1e-9 of the time.
  std::vector<FleetPoint> points;
  /// Fewest replicas that are enough; empty: all of them are not.
  std::optional<Count> needed;
  /// Fewest replicas, everything else equal, with `target_ratio` of the time at least `needed` serving; empty: none up
  /// to four times as many.
  std::optional<Count> replicas_for_target;
  double target_ratio = 0.0;
};

/// Aggregated layouts. Throws NoAnswerError for disaggregated ones.
ServingHealth solve_serving_health(const Spec& spec, const PlacedServing& placed, const ServingAnswer& answer,
                                   const Machine& machine, std::vector<std::string>& warnings);

void write_serving_health(const ServingHealth& health, Report& report);

}  // namespace windtunnel::modeling
