// SPDX-License-Identifier: Apache-2.0
// What a device, its links, its node and its software are, as stated by a vendor or a measurement.
//
// One YAML file per device in hardware_profiles/devices and one per software generation in
// hardware_profiles/software; a new accelerator is a new file and no code.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/spec.h"
#include "modeling/workload/training_graph.h"

namespace windtunnel::modeling {

/// How far a number can be trusted.
enum class Evidence { kMeasured, kDatasheet, kDerived, kAssumed };
std::string to_string(Evidence evidence);

/// A number with its origin. `value` is SI; `source` is a key of the profile's `sources`.
struct Figure {
  double value = 0.0;
  Evidence evidence = Evidence::kAssumed;
  std::string source;
};

/// Where a figure comes from.
struct Source {
  std::string title;
  std::string where;
};
/// By the key that figures name. Every copy of a profile shares them.
using Sources = std::shared_ptr<const std::map<std::string, Source>>;

/// Size-dependent efficiency of a matrix multiplication in one precision; see costs/operator_cost.h.
struct GemmEfficiency {
  /// Sustained / peak FLOP/s of one large tile-aligned product, 0..1.
  Figure compute_ratio;
  /// Sustained / peak memory bandwidth of a product limited by memory, 0..1.
  Figure memory_ratio;
  /// Time of the smallest product, launch not included.
  Figure floor_s;
  /// Inner dimension at which half of compute_ratio is reached (pipeline fill of one tile).
  Figure half_depth;
  /// Median absolute error on samples kept out of the fit, as `windtunnel calibrate` prints it; absent: not fitted.
  std::optional<Figure> held_out_error;
};

struct AttentionEfficiency {
  /// Sustained / peak (bf16) FLOP/s of a fused causal forward kernel on long sequences.
  Figure forward_compute_ratio;
  Figure backward_compute_ratio;
  /// Sequence length at which half of the ratio is reached.
  Figure half_length;
  std::optional<Figure> held_out_error;
};

/// Grouped products (the experts of a layer in one kernel) relative to one product of the same size.
struct GroupedEfficiency {
  /// Rate over that of a single product, 0..1.
  Figure rate_ratio;
  /// Time of one kernel per group it serves.
  Figure group_s;
  std::optional<Figure> held_out_error;
};

/// Kernels of a serving engine on this device that training does not have; see costs/serving_attention.h and
/// costs/engine_all_reduce.h. The defaults stand in for devices without measurements.
struct ServingKernels {
  /// Decode attention: sustained / peak bandwidth of reading a large cache, 0..1.
  Figure decode_memory_ratio{.value = 0.9, .source = "default"};
  /// Time of the smallest decode attention.
  Figure decode_floor_s{.value = 10e-6, .source = "default"};
  /// What a large cache read adds to that: filling and draining the device.
  Figure decode_ramp_s{.value = 15e-6, .source = "default"};
  /// Sustained / peak (bf16) FLOP/s of decode attention on compressed caches, 0..1.
  Figure latent_compute_ratio{.value = 0.55, .source = "default"};
  /// All-reduce in one step, every rank reading all others: fixed time and share of the link.
  Figure one_shot_latency_s{.value = 4.5e-6, .source = "default"};
  Figure one_shot_ratio{.value = 0.6, .source = "default"};
  /// All-reduce as reduce-scatter and all-gather.
  Figure two_shot_latency_s{.value = 30e-6, .source = "default"};
  Figure two_shot_ratio{.value = 0.65, .source = "default"};
};

struct DeviceCompute {
  /// Dense peak FLOP/s by precision; absent: the device does not have the format.
  std::array<std::optional<Figure>, kPrecisions> peak_flop_per_s;
  /// Clock held over minutes of full load relative to a short benchmark (power, temperature), 0..1; stretches all
  /// arithmetic.
  Figure sustained_ratio;
  /// Streaming multiprocessors, AI cores, matrix units: the width of one wave of tiles.
  Figure multiprocessors;
  /// Rows and columns of the output tile one multiprocessor works on.
  Figure tile_rows;
  Figure tile_columns;
  std::array<std::optional<GemmEfficiency>, kPrecisions> gemm;
  AttentionEfficiency attention;
  std::optional<GroupedEfficiency> grouped;
};

struct DeviceMemory {
  Figure capacity_bytes;
  Figure bandwidth_bytes_per_s;
  /// Sustained / peak bandwidth of element-wise kernels on large tensors, 0..1.
  Figure stream_ratio;
  /// Context, communicators and allocator slack that no model can use.
  Figure reserved_bytes;
};

/// Share of the bandwidth a collective reaches at one message size; between sizes linear in the logarithm.
struct RateKnot {
  double message_bytes = 0.0;
  /// May exceed 1 where switches reduce.
  Figure ratio;
};

/// One tier of the network: inside the scale-up domain (NVLink, HCCS/UB, ICI) or between them.
struct NetworkTier {
  std::string technology;
  /// Per device, one way.
  Figure bandwidth_bytes_per_s;
  /// Time of one step of a collective or of one small message.
  Figure latency_s;
  /// Sustained / peak bandwidth of a large collective, 0..1.
  Figure efficiency_ratio;
  /// Message per rank at which half of the efficiency is reached; the protocol ramp.
  Figure half_message_bytes;
  /// Share of the second trip of an all-reduce that reduction in the switch saves: an all-reduce moves 2 - this times
  /// the bytes, 0..1.
  Figure in_network_reduction;
  /// Measured curves by collective, ascending in size; where one exists it replaces efficiency_ratio, half_message and
  /// in_network_reduction.
  std::map<Collective, std::vector<RateKnot>> rate_curves;
};

struct Fabric {
  /// rail_optimized_fat_tree | fat_tree | dual_tor | torus | two_tier
  std::string topology;
  Figure oversubscription;
  Figure rails;
  /// Devices below one leaf switch (or pod) per rail.
  Figure leaf_devices;
  /// ecmp: each flow keeps one hashed path; adaptive: packets spread over all paths.
  std::string routing = "adaptive";
  /// Flows that carry one pair's traffic, each hashed on its own; >= 1.
  Figure flows_per_pair{.value = 1.0};
  /// Devices of one pod, all rails together; 0: the job sits in one pod.
  Figure pod_devices;
  Figure pod_oversubscription{.value = 1.0};
  /// The job's nodes lie in random order over the leaves (true) or packed in rank order.
  bool scattered = false;
};

struct ComponentState {
  std::string name;
  /// Speed of the component in this state relative to healthy, 0 (down) .. 1.
  double speed_ratio = 1.0;
};

struct ComponentTransition {
  std::string from;
  std::string to;
  /// Per second. Written as a rate (`1.26e-5 /h`) or as a mean time (`10 min`).
  Figure rate_per_s;
};

/// The health chain of one kind of component, the first state being the healthy one.
struct Component {
  std::string kind;  ///< gpu | host | nic | link | switch | software ...
  /// component | node | domain | job: what one failure takes down.
  std::string level;
  /// Instances per node (per domain, per job, by level).
  Figure per_level;
  /// Level job: devices of the job whose rate is stated; that of another grows in proportion to its devices.
  std::optional<Figure> of_devices;
  std::vector<ComponentState> states;
  std::vector<ComponentTransition> transitions;
};

/// The host as one device sees it.
struct Host {
  /// Between device and host memory, each way, as large copies reach it.
  Figure link_bytes_per_s;
  /// Of the host's memory, divided by the devices that share it.
  Figure memory_bandwidth_bytes_per_s;
};

struct Jitter {
  Figure operator_cv;
  Figure device_cv;
  /// Pauses of one node, per second and node, and their length; the step waits for the longest.
  Figure pause_rate_per_s;
  Figure pause_time_s;
  Figure pause_scv{.value = 1.0};
  Figure stall_rate_per_s;
  Figure stall_time_s;
  Figure stall_scv;
};

/// What a serving engine costs beyond its kernels, and how it divides the memory.
struct EngineCosts {
  /// Host time per iteration for each decoding sequence (scheduling, sampling, detokenising).
  Figure per_sequence_s{.source = "default"};
  /// The same for each decoding sequence whose tokens stream to a client; an offline run (`unlimited`) has none.
  Figure per_stream_s{.source = "default"};
  /// Host time per iteration for each prompt in it.
  Figure per_prompt_s{.source = "default"};
  /// An iteration with prompts takes at least this per layer: its kernels are launched one by one, not replayed.
  Figure prompt_layer_s{.source = "default"};
  /// What an iteration with prompts adds for each mixture-of-experts layer: its routing is not replayed either.
  Figure prompt_expert_layer_s{.source = "default"};
  /// Outside the engine, before the first token: receiving, tokenising, handing over.
  Figure request_overhead_s{.source = "default"};
  /// Between an iteration and its token at the client.
  Figure token_overhead_s{.source = "default"};
  /// Share of the device the engine plans for, weights included, 0..1.
  Figure planned_memory_ratio{.value = 0.9, .source = "default"};
  /// Share of what is then left that becomes cache, 0..1.
  Figure free_memory_ratio{.value = 1.0, .source = "default"};
  /// Grouped products of the experts: added per layer, and their speed relative to one product of the same size by
  /// number format of the weights.
  Figure expert_floor_s{.source = "default"};
  Figure expert_speed_ratio{.value = 1.0, .source = "default"};
  Figure expert_speed_4bit_ratio{.value = 1.0, .source = "default"};
};

/// What a generation of a training framework does that a serving engine does not; the optional block `training:`.
struct TrainingHabits {
  /// Host time to issue one kernel of an eager loop: layers run no faster than their kernels are issued.
  Figure host_issue_s;
  /// Host time of one pass of one micro-batch through one model chunk beside its kernels: the schedule's own code,
  /// sends and receives.
  Figure host_pass_s;
  /// Bytes of one gradient while it is accumulated and exchanged (ZeRO 0 to 2).
  Figure gradient_bytes{.value = 4.0};
  /// Rate of gathers and scatters of fully sharded weights, relative to large collectives, 0..1.
  Figure sharded_exchange_ratio{.value = 1.0};
  /// Coefficient of variation of the tokens one expert gets when nothing forces them to be equal, >= 0.
  Figure expert_load_cv;
  /// Gathered inputs of 8-bit products travel in 8 bits.
  bool narrow_gathers = false;
  /// One kernel multiplies for all local experts (true) or each expert has its own (false).
  bool grouped_experts = true;
  /// Sequence parallelism beside tensor parallelism unless the spec says otherwise.
  bool sequence_parallel = true;
  SelectiveRecompute selective_recompute = SelectiveRecompute::kAttention;
  /// What the framework does unless told otherwise: `recompute: auto` starts here.
  Recompute least_recompute = Recompute::kNone;
  /// The loss keeps one 32-bit copy of the logits (true) or casts, exponentiates and differentiates out of place.
  bool fused_cross_entropy = true;
  /// Rate of 8-bit training products over the device's curve, which is that of inference: training adds up in split
  /// accumulators where the tensor cores keep too few bits, 0..1. Resolved for the device by load_software.
  Figure narrow_product_ratio{.value = 1.0};
  std::map<std::string, Figure> narrow_product_by_architecture;
  /// Replaces attention_speed_ratio on devices of these architectures.
  std::map<std::string, Figure> attention_speed_by_architecture;
};

/// When the exchange of tokens with the experts runs beside the compute of another micro-batch.
enum class ExpertOverlap {
  kNever,
  kInterleaved,  ///< where the pipeline is interleaved: the schedule then pairs a forward with a backward pass
  kAlways,
};

/// A software generation: which communication it hides, which kernels it has, what it costs the host.
struct SoftwareGeneration {
  std::string name;
  /// megatron | fsdp | deepspeed | megatron-deepspeed | maxtext | vllm | trtllm | sglang | mindie
  std::string family;
  /// For "nearest of its family".
  double version = 0.0;
  std::string description;
  bool overlap_tensor = false;
  bool overlap_pipeline = false;
  bool overlap_data = false;
  ExpertOverlap overlap_expert = ExpertOverlap::kNever;
  bool overlap_context = false;
  /// Attention scores never leave the chip (FlashAttention) or are written to memory (false).
  bool fused_attention = true;
  /// Bias, activation, dropout, norm fused into few kernels.
  bool fused_elementwise = true;
  /// Experts are split over the tensor ranks (true) or whole on one device each (false), unless the layout says.
  bool split_experts = false;
  /// A token goes once to each scale-up domain that holds one of its experts and is copied there (DeepEP-like kernels).
  bool deduplicated_dispatch = false;
  /// Host time per kernel that the device cannot hide.
  Figure launch_s;
  /// Rate loss of compute while communication runs beside it, 0..1.
  Figure overlap_compute_slowdown;
  /// Speed of its fused attention kernel relative to the device's curve (a generation of kernels later or earlier),
  /// 0..1.
  Figure attention_speed_ratio;
  /// Time a pipeline rank loses at every hand-over of activations (host synchronisation, launch), on top of the
  /// transfer.
  Figure hand_over_s;
  /// Host and framework time per step (data loading, logging, optimizer bookkeeping).
  Figure step_overhead_s;
  EngineCosts engine;
  TrainingHabits training;
  Sources sources;
};

struct HardwareProfile {
  std::string name;
  std::string vendor;
  std::string architecture;
  std::string description;
  std::string default_training_software;
  std::string default_serving_software;
  DeviceCompute compute;
  DeviceMemory memory;
  ServingKernels serving;
  /// Empty: the profile does not say, and nothing can be kept in the host's memory.
  std::optional<Host> host;
  Count devices_per_node = 1;
  /// Devices that reach each other over scale_up.
  Count scale_up_domain_devices = 1;
  NetworkTier scale_up;
  NetworkTier scale_out;
  Fabric fabric;
  std::vector<Component> components;
  Jitter jitter;
  Sources sources;
};

}  // namespace windtunnel::modeling
