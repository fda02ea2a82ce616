// SPDX-License-Identifier: Apache-2.0
// What a spec says of the model and of the cluster, and what all blocks are made of.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

using Count = std::int64_t;

/// Number formats of operands. kTf32 and kFp32 are only ever peaks, never a choice of `precision`.
enum class Precision { kFp32, kTf32, kBf16, kFp16, kFp8, kMxfp8, kNvfp4, kMxfp4, kInt8, kInt4 };
inline constexpr int kPrecisions = 10;
/// Bytes of one stored element; block-scaled formats include their scale factors (mxfp8 8.25 bit, nvfp4 4.5,
/// mxfp4 4.25).
double bytes_per_element(Precision precision);
std::string to_string(Precision precision);
/// Bytes of one stored weight with its scales: as bytes_per_element, but int4 as AWQ and GPTQ store it, with a 16-bit
/// scale and a 4-bit zero point per 128 weights.
double bytes_per_weight(Precision precision);
/// Formats that quantise weights alone: their arithmetic is 16-bit unless a spec says otherwise.
bool is_weight_only(Precision precision);

/// `10 s` (scv 0), `{mean: 10 s, scv: 1}` or `{median: 10 s, sigma: 1}` (of a lognormal law, kept by mean and scv).
struct Duration {
  double mean_s = 0.0;
  /// Squared coefficient of variation, variance / mean^2, >= 0.
  double scv = 0.0;
};

/// What mixes the tokens of a layer.
enum class TokenMixer {
  kAttention,    ///< keys and values of earlier tokens: all, a window, a chunk, a selection, or compressed ones
  kDeltaNet,     ///< gated delta rule: a state of fixed size (Yang et al., arXiv:2412.06464)
  kMamba,        ///< Mamba-2: a state of fixed size (Dao and Gu, arXiv:2405.21060)
  kConvolution,  ///< gated short convolution
  kNone,
};
enum class FeedForward { kDense, kExperts, kNone };

/// One kind of layer. A number that is 0 is the model's own.
struct LayerKind {
  std::string name;
  TokenMixer mixer = TokenMixer::kAttention;
  FeedForward feed_forward = FeedForward::kDense;
  Count num_key_value_heads = 0;
  Count head_dim = 0;
  Count v_head_dim = 0;
  Count intermediate_size = 0;
  /// Each token attends to this many last ones at most; 0: to all before it.
  Count window = 0;
  /// Tokens attend within pieces of so many; 0: no pieces.
  Count chunk = 0;
  /// One cached entry stands for so many tokens, beside `window` whole ones (DeepSeek-V4); 0: nothing is compressed.
  Count compress_ratio = 0;
  /// An indexer picks so many entries for each token (DeepSeek-V3.2); 0: all of them.
  Count index_topk = 0;
  /// One projection gives keys and values.
  bool keys_are_values = false;
  /// Attends to what an earlier layer has cached: no key and value projections, nothing cached.
  bool reuses_cache = false;

  bool operator==(const LayerKind&) const = default;
};

/// Precisions that a checkpoint's quantization_config gives its weights; empty: as the spec says.
struct CheckpointPrecision {
  std::optional<Precision> weights;
  std::optional<Precision> attention;
  std::optional<Precision> experts;
  std::optional<Precision> activations;
  std::optional<Precision> kv_cache;
  /// Bits of a quantised weight with its scales where the file gives their groups; 0: as the format has them.
  double quantised_bits = 0.0;
  /// Which scheme, for the answer; empty when the checkpoint is not quantised.
  std::string scheme;
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

  // The pattern of layers. `layer_types` names each layer's mixer, `mlp_layer_types` its feed-forward (dense, sparse,
  // none); empty: all alike, dense ones first.
  std::vector<std::string> layer_types;
  std::vector<std::string> mlp_layer_types;
  Count sliding_window = 0;
  Count attention_chunk_size = 0;
  /// Widths of the layers of full attention where they differ from the others (Gemma 4); 0: they do not.
  Count global_head_dim = 0;
  Count num_global_key_value_heads = 0;
  /// Widths of the sliding layers where they differ from the others (MiMo-V2); 0: they do not.
  Count swa_num_key_value_heads = 0;
  Count swa_head_dim = 0;
  Count swa_v_head_dim = 0;
  bool attention_k_eq_v = false;
  /// The last so many layers attend to what an earlier layer of their kind has cached.
  Count num_kv_shared_layers = 0;
  /// The attention output is multiplied by a gate of its own projection.
  bool attn_output_gate = false;
  // Linear attention.
  Count linear_num_key_heads = 0;
  Count linear_num_value_heads = 0;
  Count linear_key_head_dim = 0;
  Count linear_value_head_dim = 0;
  Count linear_conv_kernel_dim = 0;
  // Mamba-2.
  Count mamba_num_heads = 0;
  Count mamba_head_dim = 0;
  Count ssm_state_size = 0;
  Count n_groups = 0;
  Count conv_kernel = 0;
  // Indexer of sparse attention.
  Count index_n_heads = 0;
  Count index_head_dim = 0;
  Count index_topk = 0;
  // Compressed attention: one ratio per layer; the output projection in groups of low rank.
  std::vector<Count> compress_ratios;
  Count o_groups = 0;
  Count o_lora_rank = 0;
  /// Experts work on so many columns, projected from the hidden state and back; 0: on the hidden state.
  Count moe_latent_size = 0;
  /// Width of all shared experts together; 0: num_shared_experts x moe_intermediate_size.
  Count shared_expert_intermediate_size = 0;
  /// Widths by layer where each has its own; empty: all alike.
  std::vector<Count> layer_intermediate_sizes;
  std::vector<Count> layer_key_value_heads;

  /// Encoders of other media beside the language model, counted and named; 16-bit.
  double tower_parameters = 0.0;
  std::string tower;
  /// Tables looked up beside the embedding (per-layer embeddings).
  double lookup_parameters = 0.0;
  /// Longest sequence by the file; 0: unknown.
  Count max_position_embeddings = 0;
  CheckpointPrecision checkpoint;

  /// Distinct kinds of layers and the kind of each layer, from the keys above; empty: all alike, dense ones first.
  std::vector<LayerKind> layer_kinds;
  std::vector<int> layer_pattern;
  /// What one layer is, where this is the view of one layer (spec/layer_pattern.h).
  LayerKind layer;

  /// Width of all shared experts together.
  Count shared_expert_width() const {
    return shared_expert_intermediate_size > 0 ? shared_expert_intermediate_size
                                               : num_shared_experts * moe_intermediate_size;
  }
  /// Width of a head's values.
  Count value_head_dim() const { return v_head_dim > 0 ? v_head_dim : head_dim; }
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

}  // namespace windtunnel::modeling
