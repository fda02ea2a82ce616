// SPDX-License-Identifier: Apache-2.0
// What a spec says of a serving system, of its traffic and of what happens to it over time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/cluster_spec.h"

namespace windtunnel::modeling {

enum class BatchScheduler { kPrefillFirst, kChunkedPrefill };
enum class ServingLayout { kAggregated, kDisaggregated };
enum class KvPolicy { kPreempt, kReserve };
/// Which replica a request goes to.
enum class LoadBalancer { kRandom, kRoundRobin, kShortestQueue };

/// A pool of identical replicas.
struct ServingPool {
  Count replicas = 1;
  Parallelism parallelism;
  /// Empty: by engine.
  std::optional<Count> max_batch;
  std::optional<Count> max_batched_tokens;
};

struct ServingServiceTimes {
  double base_s = 0.0;
  double per_sequence_s = 0.0;
  double per_prompt_token_s = 0.0;
  double per_context_token_s = 0.0;
};

struct Speculative {
  Count tokens = 0;
  /// Probability that one drafted token is accepted, 0..1.
  double acceptance_ratio = 0.0;
};

/// Replicas that follow the load, as a horizontal autoscaler does: as many as hold `requests_per_replica` each.
struct Autoscaling {
  /// Replicas that always run, >= 1; at most there are Serving::replicas.
  Count min_replicas = 1;
  /// Requests present per replica that it aims at, > 0.
  double requests_per_replica = 0.0;
  /// Between two looks at the load, s, > 0.
  double interval_s = 15.0;
  /// From the decision until a new replica serves, > 0.
  Duration start_time;
  /// A replica is given up when the load has not needed it for so long, s, > 0.
  double stop_delay_s = 300.0;
};

struct Serving {
  /// How the weights are stored; attention projections and routed experts may differ from the rest.
  Precision weights = Precision::kBf16;
  std::optional<Precision> attention_weights;
  std::optional<Precision> expert_weights;
  /// Format of the arithmetic; empty: that of the weights where they are quantised with the activations and the device
  /// has it, else 16 bits (workload/serving_layer.h).
  std::optional<Precision> activations;
  Precision kv_cache = Precision::kBf16;
  /// What the engine's own flag means; empty: the software generation's.
  std::optional<double> memory_utilization_ratio;
  /// Longest sequence the engine is told to expect; empty: the model's own.
  std::optional<Count> max_model_len;
  ServingLayout layout = ServingLayout::kAggregated;
  /// Aggregated: the one pool. Disaggregated: prefill and decode instead.
  ServingPool aggregated;
  ServingPool prefill;
  ServingPool decode;
  /// vllm | trtllm | sglang | mindie; empty: none named.
  std::string engine;
  std::optional<BatchScheduler> scheduler;
  KvPolicy kv_policy = KvPolicy::kPreempt;
  /// False: the spec is silent and the engine's habit decides, see cluster/serving_engine.h.
  bool kv_policy_given = false;
  /// Empty: at random; in a closed loop the shortest queue, which keeps its requests spread evenly.
  std::optional<LoadBalancer> load_balancer;
  std::optional<Speculative> speculative;
  /// Share of each prompt found in the prefix cache, 0..1; never guessed.
  double prefix_cache_hit_ratio = 0.0;
  std::optional<ServingServiceTimes> service_times;
  /// Only with Spec::transient.
  std::optional<Autoscaling> autoscaling;
};

/// A token count: constant (scv 0), geometric (scv 1) or gamma.
struct TokenCount {
  double mean = 0.0;
  double scv = 0.0;
};

struct TrafficClass {
  std::string name;
  double share = 1.0;
  /// Smaller is served first, as in vLLM's priority scheduling.
  int priority = 0;
  TokenCount prompt_tokens;
  TokenCount output_tokens;
};

struct Traffic {
  /// Exactly one of concurrency, unlimited, arrival_rate, trace.
  std::optional<Count> concurrency;
  bool unlimited_concurrency = false;
  std::optional<double> arrival_rate_per_s;
  double arrival_scv = 1.0;
  /// At most one, with arrival_scv > 1: arrivals whose rate alternates between two levels. Correlation of neighbouring
  /// interarrival times, 0 .. (scv - 1) / (2 scv); variance over mean of the number of arrivals in a long time, >= scv.
  std::optional<double> arrival_correlation;
  std::optional<double> arrival_dispersion;
  std::string trace_file;
  std::optional<Count> requests;
  std::vector<TrafficClass> classes;
};

/// The arrival rate over time as a multiple of traffic.arrival_rate: straight lines between points, repeated.
struct LoadCurve {
  double period_s = 0.0;
  struct Point {
    double at_s = 0.0;
    double factor = 1.0;
  };
  /// At least one, at increasing times within the period.
  std::vector<Point> points;
};

/// More requests for a while: the arrival rate times `factor`.
struct Burst {
  double at_s = 0.0;
  double duration_s = 0.0;
  double factor = 1.0;
};

/// Replicas that are gone for a while. What they held starts anew on the others.
struct ReplicaFailure {
  double at_s = 0.0;
  double duration_s = 0.0;
  Count replicas = 1;
};

/// What happens to a serving system within some time.
struct Transient {
  double horizon_s = 0.0;
  std::optional<LoadCurve> load_curve;
  std::optional<Burst> burst;
  std::optional<ReplicaFailure> replica_failure;
};

/// Upper limits by measure name, for example "ttft_p99" -> 2.0 seconds.
using ServiceLevelObjective = std::map<std::string, double>;

}  // namespace windtunnel::modeling
