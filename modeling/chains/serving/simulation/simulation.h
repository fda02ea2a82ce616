// SPDX-License-Identifier: Apache-2.0
// Event simulation of a serving system: the contract's batching semantics request by request, the oracle of the chains.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modeling/chains/serving/requests/system.h"
#include "solvers/numerics/confidence.h"

namespace windtunnel::modeling {

struct SimulationOptions {
  /// Requests measured, >= 40. A transient system (ServingSystem::requests, or a trace) measures exactly its own, and
  /// is repeated until at least this many are measured.
  Count requests = 20'000;
  /// Requests finished before measuring starts, long run only; negative: chosen by the system.
  Count warm_up = -1;
  std::uint64_t seed = 1;
  /// The measured requests are cut into this many consecutive batches whose spread gives the intervals.
  int batches = 20;
  double confidence = 0.95;
};

/// mean, p50, p90, p99, in seconds.
struct LatencyEstimates {
  solvers::Estimate mean, p50, p90, p99;
};

struct ClassEstimates {
  std::string name;
  LatencyEstimates ttft, tpot, e2e;
  /// Share of requests that meet all limits asked for.
  solvers::Estimate met;
};

/// Limits on single requests: a request meets them when none of its three latencies is above.
struct RequestLimits {
  double ttft_s = kNoLimit;
  double tpot_s = kNoLimit;
  double e2e_s = kNoLimit;
};

struct SimulationResult {
  /// Of the whole system.
  solvers::Estimate requests_per_s;
  solvers::Estimate output_tokens_per_s;
  solvers::Estimate total_tokens_per_s;
  /// Of one replica (disaggregated: decode replica).
  solvers::Estimate batch_mean;
  solvers::Estimate utilization_ratio;
  solvers::Estimate cached_tokens_mean;
  /// First entry: all requests; then each class when there are several.
  std::vector<ClassEstimates> classes;
  double blocking_probability = 0.0;
  double preemptions_per_request = 0.0;
  Count requests = 0;
  long long iterations = 0;
  double simulated_s = 0.0;
};

/// Throws std::invalid_argument for options out of range. An unstable open system is simulated as it is: its queue
/// grows.
SimulationResult simulate_serving(const ServingSystem& system, const RequestLimits& limits,
                                  const SimulationOptions& options = {});

}  // namespace windtunnel::modeling
