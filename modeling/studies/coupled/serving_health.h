// SPDX-License-Identifier: Apache-2.0
// Serving with failures: how many replicas serve at a time, and what requests meet while some do not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/health/replica_fleet.h"
#include "modeling/studies/health/job_health.h"
#include "modeling/studies/serving/serving.h"

namespace windtunnel::modeling {

/// Replicas of one kind: all of them, or those that prefill, or those that decode.
struct FleetPool {
  /// "", "prefill" or "decode".
  std::string name;
  ReplicaFleet fleet;
  FleetLaw law;
  /// Fewest of them that hold every limit of the SLO while all others serve; empty: all of them are not enough.
  std::optional<Count> needed;
  /// How many must run for the availability target, everything else equal; empty: none up to four times as many.
  std::optional<Count> for_target;
};

/// What the fleet does with so many replicas of each pool serving.
struct FleetPoint {
  std::vector<Count> replicas;
  double probability = 0.0;
  double slo_met_ratio = 0.0;
  double requests_per_s = 0.0;
  /// Stable, and every limit of the SLO held.
  bool is_enough = false;
};

struct ServingHealth {
  JobHealth health;
  /// One, or prefill and decode, which fail independently.
  std::vector<FleetPool> pools;
  /// From all replicas down, until fewer serve less than 1e-9 of the time.
  std::vector<FleetPoint> points;
  /// Share of the time in which every limit holds; empty: not even all replicas are enough.
  std::optional<double> availability_ratio;
  double target_ratio = 0.0;

  double failures_per_s() const;
};

/// [A] Pools of a disaggregated fleet have their part of the spares, crews and domains, in proportion to their nodes.
ServingHealth solve_serving_health(const Spec& spec, const PlacedServing& placed, const ServingAnswer& answer,
                                   const Machine& machine, std::vector<std::string>& warnings);

void write_serving_health(const ServingHealth& health, Report& report);

}  // namespace windtunnel::modeling
