// SPDX-License-Identifier: Apache-2.0
// What a user asks: the typed content of one spec file, in SI units, checked and complete.
//
// Every key of docs/formats.md has its field here; the readers in read_spec.cpp are the only place that
// turns YAML into these structs. An std::optional that is empty means "not said": the default is chosen
// later, by the stage that knows enough to choose it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

using Count = std::int64_t;

enum class Study { kTraining, kServing, kAvailability };
/// As in the spec: "training", "serving", "availability".
std::string to_string(Study study);

/// Number formats of operands. kTf32 and kFp32 are only ever peaks, never a choice of `precision`.
enum class Precision { kFp32, kTf32, kBf16, kFp16, kFp8, kMxfp8, kNvfp4, kMxfp4, kInt8, kInt4 };
inline constexpr int kPrecisions = 10;
/// Bytes of one stored element; block-scaled formats include their scale factors (mxfp8 8.25 bit, nvfp4 4.5,
/// mxfp4 4.25).
double bytes_per_element(Precision precision);
std::string to_string(Precision precision);

/// `10 s` (scv 0), `{mean: 10 s, scv: 1}` or `{median: 10 s, sigma: 1}` (of a lognormal law, kept by mean and scv).
struct Duration {
  double mean_s = 0.0;
  /// Squared coefficient of variation, variance / mean^2, >= 0.
  double scv = 0.0;
};

/// The shape of a transformer, named as in a Hugging Face config.json.
struct Model {
  /// Shipped name or config file; empty when the shape was written out.
  std::string name;
  Count num_hidden_layers = 0;
  Count hidden_size = 0;
  Count num_attention_heads = 0;
  Count num_key_value_heads = 0;
  Count head_dim = 0;
  Count intermediate_size = 0;
  Count vocab_size = 0;
  /// True: three MLP matrices (SwiGLU-like); false: two.
  bool gated_mlp = true;
  /// True when input embedding and output projection share one matrix. Hugging Face: tie_word_embeddings.
  bool tie_word_embeddings = false;

  // Mixture of experts; num_experts = 0 means dense.
  Count num_experts = 0;
  Count num_experts_per_tok = 0;
  Count moe_intermediate_size = 0;
  Count num_shared_experts = 0;
  Count first_k_dense_layers = 0;

  /// Multi-token prediction modules behind the last layer, trained beside it (Gloeckle et al., arXiv:2404.19737; in the
  /// form of DeepSeek-V3, arXiv:2412.19437). Serving leaves them out.
  Count num_nextn_predict_layers = 0;

  // Multi-head latent attention; kv_lora_rank = 0 means ordinary attention.
  Count q_lora_rank = 0;
  Count kv_lora_rank = 0;
  Count qk_nope_head_dim = 0;
  Count qk_rope_head_dim = 0;
  Count v_head_dim = 0;

  bool is_mixture_of_experts() const { return num_experts > 0; }
  bool has_latent_attention() const { return kv_lora_rank > 0; }
};

/// One network tier as the user overrides it; empty fields keep the profile's value.
struct TierOverride {
  /// Per device, one way.
  std::optional<double> bandwidth_bytes_per_s;
  std::optional<double> latency_s;
};

struct FabricOverride {
  /// rail_optimized_fat_tree | fat_tree | dual_tor | torus | two_tier; empty: the profile's.
  std::optional<std::string> topology;
  /// Downlink over uplink capacity at the leaf, >= 1.
  std::optional<double> oversubscription;
  std::optional<Count> rails;
  /// ecmp | adaptive; empty: the profile's.
  std::optional<std::string> routing;
  /// Flows (queue pairs, channels) that carry one pair's traffic, each hashed on its own.
  std::optional<Count> flows_per_pair;
  /// Devices below one leaf switch (of one rail).
  std::optional<Count> leaf_devices;
  /// Devices of one pod, all rails; pods meet in a third tier. Empty: one pod.
  std::optional<Count> pod_devices;
  /// Capacity below over capacity above the pod's spine, >= 1.
  std::optional<double> pod_oversubscription;
  /// True: the job's nodes lie in random order over the leaves; false: packed in rank order.
  bool scattered = false;
};

/// Spread of service times. See docs/model.md, "Three kinds of jitter".
struct JitterOverride {
  /// Coefficient of variation of one operator's time, independent each time it runs.
  std::optional<double> operator_cv;
  /// Coefficient of variation of a device's speed over the devices of the job, constant over a step.
  std::optional<double> device_cv;
  /// Pauses of one node (garbage collection, operating system, data loader), per second and node.
  std::optional<double> pause_rate_per_s;
  std::optional<Duration> pause_time;
  /// Rate of whole-job stalls while the job runs, per second.
  std::optional<double> stall_rate_per_s;
  std::optional<Duration> stall_time;
};

/// What a device could be instead: "what if it had more of this".
struct DeviceOverride {
  /// By precision; empty: the profile's.
  std::array<std::optional<double>, kPrecisions> peak_flop_per_s;
  std::optional<double> memory_bandwidth_bytes_per_s;
  std::optional<double> memory_capacity_bytes;
};

struct Cluster {
  /// Name in hardware_profiles/devices or path of a profile file.
  std::string device;
  /// Where the device is named, for messages.
  SourceLocation device_location;
  /// Training: tensor x pipeline x data x context. Serving: sum over replicas. Availability: size of the job.
  Count num_devices = 0;
  std::optional<Count> devices_per_node;
  DeviceOverride figures;
  TierOverride scale_up;
  TierOverride scale_out;
  FabricOverride fabric;
  /// Software generation; empty: the device profile's default.
  std::string software;
  JitterOverride jitter;
};

/// Degrees of parallelism. Each >= 1.
struct Parallelism {
  Count tensor = 1;
  Count pipeline = 1;
  Count data = 1;
  Count context = 1;
  Count expert = 1;
  /// Ranks that share one expert's matrices; 0: the software generation's habit (1, or `tensor`).
  Count expert_tensor = 0;
  /// Model chunks per pipeline rank (interleaving), 1 = none.
  Count virtual_stages = 1;
};

enum class Recompute { kNone, kSelective, kFull, kAuto };
enum class PipelineSchedule { kGpipe, kOneForwardOneBackward, kInterleaved, kZeroBubble, kDualPipe };

/// How the ranks of a context group see each other's keys and values.
enum class ContextExchange {
  kRing,       ///< pieces travel round beside the attention over the piece before (ring attention)
  kAllGather,  ///< all of them are gathered first
  kAllToAll,   ///< heads instead of tokens are split while attention runs (Ulysses)
};

/// State kept in the host's memory instead of the device's.
struct Offload {
  /// Optimizer states, 0..1 of them; their share of the update runs on the host.
  double optimizer_share = 0.0;
  /// Activations kept for the backward pass, 0..1 of them.
  double activations_share = 0.0;
};

/// Communication that runs beside compute; empty: the software generation's habit.
struct Overlap {
  std::optional<bool> tensor;
  std::optional<bool> pipeline;
  std::optional<bool> data;
  std::optional<bool> expert;
  std::optional<bool> context;
};

/// `training.service_times`: the user's own times replace the operator graph.
struct TrainingServiceTimes {
  double forward_s = 0.0;
  double backward_s = 0.0;
  /// Of each, independent between micro-batches, stages and replicas.
  double scv = 0.0;
  double pipeline_transfer_s = 0.0;
  double data_parallel_s = 0.0;
};

struct Training {
  Count sequence_length = 0;
  /// Sequences per optimizer step, over all data-parallel ranks.
  Count global_batch = 0;
  /// 0: not given, chosen by studies/resolve_training.h.
  Count micro_batch = 1;
  Precision precision = Precision::kBf16;
  Recompute recompute = Recompute::kAuto;
  Parallelism parallelism;
  PipelineSchedule schedule = PipelineSchedule::kOneForwardOneBackward;
  bool sequence_parallel = false;
  /// False: the spec does not say; true with tensor > 1 where the software can.
  bool sequence_parallel_given = true;
  /// 0..3; 1 and 2 shard optimizer (and gradients), 3 also weights.
  int zero_stage = 1;
  Overlap overlap;
  ContextExchange context_exchange = ContextExchange::kRing;
  /// A token crosses once to each scale-up domain with one of its experts (true) or once per expert (false); empty: the
  /// software generation's habit.
  std::optional<bool> deduplicated_dispatch;
  Offload offload;
  /// Load of the fullest expert rank over the mean, >= 1; 0: not given, by the software's spread of expert loads.
  double expert_imbalance = 1.0;
  /// Budget of the run; empty: no time-to-train measures.
  std::optional<double> tokens;
  std::optional<TrainingServiceTimes> service_times;
};

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
  Precision weights = Precision::kBf16;
  Precision kv_cache = Precision::kBf16;
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
  double prefix_cache_hit_ratio = 0.0;
  /// False: the spec is silent, see cluster/serving_engine.h.
  bool prefix_cache_hit_given = false;
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

enum class SpareKind { kHot, kWarm, kCold };

struct FailureDomain {
  std::string name;
  Count nodes = 0;
  double rate_per_s = 0.0;
  Duration repair_time;
};

/// A way back to work after a stop.
struct RecoveryClass {
  std::string name;
  /// Component kinds and domain names whose failures may take this way; empty: all.
  std::vector<std::string> causes;
  /// Weight among the classes that a cause may take.
  double share = 1.0;
  /// Empty: those of the recovery block, and reliability.restart_time.
  std::optional<Duration> detect_time;
  std::optional<Duration> localize_time;
  std::optional<Duration> restart_time;
};

/// Between a stop and the first step after it.
struct Recovery {
  std::optional<Duration> detect_time;
  std::optional<Duration> localize_time;
  std::vector<RecoveryClass> classes;
};

/// Copies of the state in the memory of other nodes.
struct MemoryCheckpoint {
  double interval_s = 0.0;
  double blocking_s = 0.0;
  Count copies = 2;
};

/// Nodes fail `factor` times as often when new; each outgrows that after an exponential time.
struct EarlyLife {
  double factor = 1.0;
  double duration_s = 0.0;
};

/// `share` of the nodes fail `factor` times as often as the others; the stated rates are the fleet's mean.
struct BadNodes {
  double share = 0.0;
  double factor = 1.0;
};

/// Weibull lifetime of a node, added to its other failures: hazard shape/scale (age/scale)^(shape-1).
struct WearOut {
  double shape = 1.0;
  double scale_s = 0.0;
  /// At the start of the horizon.
  double age_s = 0.0;
  /// A repair replaces what is worn; false: the node goes on as old as it was.
  bool repaired_as_new = false;
};

/// The job goes on with fewer data-parallel replicas when spares run out.
struct Elastic {
  /// Nodes of one replica; empty: by the layout (training).
  std::optional<Count> replica_nodes;
  /// Replicas that may be missing at most.
  Count most_missing = 1;
  /// To take a replica back in.
  double resize_time_s = 60.0;
};

/// Every `every_s` of running the job stands still for `duration_s`, after a checkpoint.
struct Maintenance {
  double every_s = 0.0;
  double duration_s = 0.0;
};

/// What is done about devices and links that are slow.
enum class FailSlow { kRunOn, kDrain, kIgnore };

struct Reliability {
  std::optional<double> horizon_s;
  /// Failures per second of one component, by component kind ("node", "gpu", ...). Empty: the profile's chains.
  std::map<std::string, double> failure_rates_per_s;
  /// Of the times between stops of the job: 1 exponential, above bursty.
  double failure_scv = 1.0;
  /// Multiplies every failure rate, stated or of the profile: "what if parts failed twice as often".
  double failure_rate_factor = 1.0;
  std::optional<Duration> repair_time;
  /// Empty: unlimited.
  std::optional<Count> repair_crews;
  Count spare_nodes = 0;
  bool spares_stated = false;
  SpareKind spare_kind = SpareKind::kCold;
  /// Work between checkpoints; empty: optimal.
  std::optional<double> checkpoint_interval_s;
  std::optional<double> checkpoint_blocking_s;
  /// Of the whole job's state; empty: by the model (training).
  std::optional<double> checkpoint_size_bytes;
  /// To storage, whole job.
  std::optional<double> checkpoint_bandwidth_bytes_per_s;
  /// Asynchronous: after the blocking part, until it can be restored.
  double checkpoint_write_s = 0.0;
  std::optional<MemoryCheckpoint> checkpoint_memory;
  /// True: what is written beside the steps (write_time, memory) travels over the scale-out ports of the devices;
  /// false: over a network of its own.
  bool checkpoint_on_scale_out = false;
  std::optional<Duration> restart_time;
  Recovery recovery;
  std::vector<FailureDomain> domains;
  std::optional<EarlyLife> early_life;
  std::optional<BadNodes> bad_nodes;
  std::optional<WearOut> wear_out;
  /// Share of the failures that is foreseen in time for a checkpoint.
  double prediction_recall = 0.0;
  std::optional<Elastic> elastic;
  std::optional<Maintenance> maintenance;
  FailSlow fail_slow = FailSlow::kRunOn;
  /// Independent scale-out planes: losing one of several slows the job instead of stopping it.
  Count link_planes = 1;
  std::optional<double> deadline_s;
  /// Share of the time that a serving fleet promises enough replicas.
  double availability_target = 0.9995;
  /// In the user's currency.
  std::optional<double> price_per_device_hour;
  std::optional<double> power_per_device_w;
};

struct Spec {
  /// As the user named it, for messages and for `spec` in the JSON.
  std::string file;
  Study study = Study::kTraining;
  Model model;
  Cluster cluster;
  /// Exactly the block of the study is filled; reliability may accompany any.
  std::optional<Training> training;
  std::optional<Serving> serving;
  Traffic traffic;
  ServiceLevelObjective slo;
  std::optional<Transient> transient;
  std::optional<Reliability> reliability;
};

}  // namespace windtunnel::modeling
