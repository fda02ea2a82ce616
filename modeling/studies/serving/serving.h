// SPDX-License-Identifier: Apache-2.0
// The serving study: how long requests wait for their first token and between tokens, and what the cluster carries.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/serving/requests/answer.h"
#include "modeling/chains/serving/requests/system.h"
#include "modeling/chains/serving/simulation/simulation.h"
#include "modeling/cluster/machine.h"
#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// The question in the terms of the chains.
struct PlacedServing {
  ServingSystem system;
  ServiceLevelObjective slo;
  RequestLimits limits;
  Count num_devices = 0;
  /// Bytes of one cached token of one sequence on one replica; 0: no model, unknown.
  double kv_bytes_per_token = 0.0;
  /// Of the decoding (or only) pool, per replica; empty: no model, unknown.
  std::optional<double> kv_cache_per_replica_bytes;
  /// Tokens that one attention rank of it holds, and sequences of the longest length that are.
  std::optional<double> kv_cache_tokens;
  std::optional<double> max_concurrent_sequences;
  /// Of its fullest device: weights, activations, kv_cache, reserved.
  std::vector<Measure> memory_bytes;
  std::vector<Assumption> assumptions;
};

/// Throws NoAnswerError when weights and one sequence do not fit, SpecError for a trace that cannot be read.
PlacedServing place_serving(const Spec& spec, const Machine& machine);

/// Without `simulated_requests` from the chains, otherwise from the event simulation of that many requests. An unstable
/// open load comes back with `failure` set.
ServingAnswer answer_serving(const PlacedServing& placed, std::optional<Count> simulated_requests);

/// Largest measure of the answer over its limit: at most 1 when every limit of the SLO holds.
double worst_limit_ratio(const ServingAnswer& answer, const ServiceLevelObjective& slo);

/// Largest arrival rate at which every limit of the SLO holds, within 0.1 %; without limits the capacity; 0 when even
/// an almost idle system misses one. Empty where requests do not come at a rate of their own, or for a run that ends.
std::optional<double> max_arrival_rate_per_s(const PlacedServing& placed);

void write_serving_report(const Spec& spec, const PlacedServing& placed, const ServingAnswer& answer,
                          std::optional<double> max_rate_per_s, const Machine& machine, Report& report);

/// Numerical error of each percentile that the chains answered, s: half again its largest change on four coarser grids,
/// and half a cell of the laws. An estimate, not proven; tests hold it against grids four times finer. Null where a
/// percentile is not finite.
Breakdown percentile_error_estimates(const ServingSystem& system, const RequestLimits& limits,
                                     const ServingAnswer& answer);

/// Where the chains answered: adds the breakdowns `error_estimate` (numerical, s) and `model_error_ratio` (against the
/// batching rules, relative).
void write_serving_accuracy(const PlacedServing& placed, const ServingAnswer& answer, Report& report);

/// With several classes on an open aggregated system: adds a breakdown `mix_or_split`, and to the finding what a split
/// and priorities would do.
void compare_mixed_and_split(const PlacedServing& placed, const ServingAnswer& mixed, Report& report);

}  // namespace windtunnel::modeling
