// SPDX-License-Identifier: Apache-2.0
// The serving study: how long requests wait for their first token and between tokens, and what the cluster carries.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/serving_answer.h"
#include "modeling/chains/serving_simulation.h"
#include "modeling/chains/serving_system.h"
#include "modeling/cluster/machine.h"
#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// The question in the terms of the chains.
struct PlacedServing {
  ServingSystem system;
  RequestLimits limits;
  Count num_devices = 0;
  /// Bytes of one cached token of one sequence on one replica; 0: no model, unknown.
  double kv_bytes_per_token = 0.0;
  /// Of the decoding (or only) pool, per replica; empty: no model, unknown.
  std::optional<double> kv_cache_per_replica_bytes;
  std::vector<Assumption> assumptions;
};

/// Throws NoAnswerError when weights and one sequence do not fit, SpecError for a trace that cannot be read.
PlacedServing place_serving(const Spec& spec, const Machine& machine, std::vector<std::string>& warnings);

/// Without `simulated_requests` from the chains, otherwise from the event simulation of that many requests. Throws
/// NoAnswerError for an unstable open load.
ServingAnswer answer_serving(const PlacedServing& placed, std::optional<Count> simulated_requests);

/// Largest arrival rate at which every limit of `slo` holds; without limits, the capacity. Only for open systems.
double max_arrival_rate_per_s(const PlacedServing& placed, const ServiceLevelObjective& slo);

void write_serving_report(const Spec& spec, const PlacedServing& placed, const ServingAnswer& answer,
                          const Machine& machine, Report& report);

}  // namespace windtunnel::modeling
