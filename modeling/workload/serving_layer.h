// SPDX-License-Identifier: Apache-2.0
// What one device of a serving replica computes, moves and sends in one iteration, layer by layer.
//
// Everything in a layer but the attention core depends only on how many tokens the iteration carries, whether they
// belong to prompts or to decoding sequences: one list of operators per layer kind as a function of that number. The
// attention core depends on what is cached and is described by AttentionShape.
#pragma once

#include <vector>

#include "modeling/spec/layer_pattern.h"
#include "modeling/spec/spec.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

/// Format of the arithmetic on weights stored so: what the spec says of activations, else 16 bits for the integer
/// formats, which quantise weights alone (AWQ, GPTQ), else the stored one; costs fall back to 16 bits where a device
/// lacks it.
Precision arithmetic_precision(const Serving& serving, Precision stored);

/// Format of the attention's matrices: what the spec says, else that of the weights, but 4-bit checkpoints of
/// mixture-of-experts models quantise the experts and leave attention 16-bit (gpt-oss, DeepSeek-R1-FP4,
/// Qwen3-235B-A22B-FP4).
Precision attention_precision(const Model& model, const Serving& serving);

/// Format of the cache: what the spec says, at least 8 bits, since no engine modelled attends to 4-bit keys.
Precision cache_precision(const Serving& serving);

/// Bytes of one stored weight of the model in this format: as the checkpoint's groups give it, else the format's own.
double stored_bytes_per_weight(const Model& model, Precision precision);

/// Cached and computed quantities of one layer's attention on one device.
struct AttentionShape {
  /// Which of the earlier tokens are attended to and cached.
  LayerKind layer;
  double query_heads = 0.0;
  /// Heads whose keys and values are cached here; 1 for latent attention, at least 1 when tensor exceeds them.
  double key_value_heads = 0.0;
  /// Width of one cached entry per head, keys and values together (latent: the compressed vector, once).
  double cached_width = 0.0;
  /// Multiply-adds x 2 per query head and attended token.
  double decode_flop = 0.0;
  double prefill_flop = 0.0;
  Precision cache_precision = Precision::kBf16;
  /// The indexer's key of one entry, and its multiply-adds x 2 for one entry, all heads; 0 without an indexer.
  double index_bytes = 0.0;
  double index_flop = 0.0;
  /// Layers whose state does not grow: its bytes for one sequence and the FLOP of one token.
  double state_bytes = 0.0;
  double token_flop = 0.0;

  /// Bytes one cached entry takes on this device in one layer.
  double cached_bytes_per_token() const;
  /// Bytes a sequence of so many tokens takes on this device in one layer.
  double cached_bytes(double tokens) const;
};

/// `model` is one whose layers are all alike, or the view of one layer.
AttentionShape attention_shape(const Model& model, const Serving& serving, const ServingPool& pool);

/// Bytes one cached token takes in all layers, summed over the devices that hold one copy of the sequence, and on the
/// fullest device (its pipeline share of the layers).
/// How much one more token of a long sequence adds; where no layer grows, what a token takes within the windows.
double cached_bytes_per_token(const Model& model, const Serving& serving, const ServingPool& pool);
/// Bytes a sequence of so many tokens takes in all layers on the fullest device: a window holds its window, a
/// state-space layer its state.
double cached_sequence_bytes(const Model& model, const Serving& serving, const ServingPool& pool, double tokens);

/// Expected number of distinct experts out of `experts` that `tokens` tokens touch when each picks `per_token` at
/// random: experts (1 - (1 - per_token / experts)^tokens).
double distinct_experts(double experts, double per_token, double tokens);

/// Operators of one layer on one device, attention core left out, for `tokens` tokens on each attention rank
/// (real, > 0). `model` is one whose layers are all alike, or the view of one layer. kEmbedding: reading the rows;
/// kHead: `tokens` rows through the output projection and sampling.
std::vector<Operator> serving_operators(const Model& model, const Serving& serving, const ServingPool& pool,
                                        Segment segment, double tokens);

/// The template that a view's layer is written by.
Segment segment_of(const Model& view);

/// Weights on the fullest device of one replica, in bytes at the weights' precision (embedding, head, norms, lookup
/// tables and towers 16-bit).
double serving_weight_bytes(const Model& model, const Serving& serving, const ServingPool& pool);

}  // namespace windtunnel::modeling
