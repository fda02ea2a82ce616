// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/parameter_count.h"

#include "modeling/spec/layer_pattern.h"

namespace windtunnel::modeling {
namespace {

double as_real(Count count) {
  return static_cast<double>(count);
}

double latent_attention_parameters(const Model& model) {
  const double hidden = as_real(model.hidden_size);
  const double heads = as_real(model.num_attention_heads);
  const double query_dim = as_real(model.qk_nope_head_dim + model.qk_rope_head_dim);
  const double key_value_dim = as_real(model.qk_nope_head_dim + model.v_head_dim);
  const double q_rank = as_real(model.q_lora_rank);
  const double kv_rank = as_real(model.kv_lora_rank);
  const double query = q_rank > 0.0 ? hidden * q_rank + q_rank * heads * query_dim : hidden * heads * query_dim;
  const double key_value = hidden * (kv_rank + as_real(model.qk_rope_head_dim)) + kv_rank * heads * key_value_dim;
  return query + key_value + heads * as_real(model.v_head_dim) * hidden;
}

double grouped_attention_parameters(const Model& model) {
  const double heads = as_real(model.num_attention_heads + model.num_key_value_heads);
  return 2.0 * as_real(model.hidden_size) * heads * as_real(model.head_dim);  // query and output; key and value
}

/// The same where some of it differs: values of another width, one projection for both, none, or a gate.
double other_attention_parameters(const Model& model) {
  const double hidden = as_real(model.hidden_size);
  const double queries = as_real(model.num_attention_heads * model.head_dim);
  const double output = as_real(model.num_attention_heads * model.value_head_dim());
  const double keys = as_real(model.num_key_value_heads * model.head_dim);
  const double values = model.layer.keys_are_values ? 0.0 : as_real(model.num_key_value_heads * model.value_head_dim());
  const double cached = model.layer.reuses_cache ? 0.0 : keys + values;
  return hidden * (queries + (model.attn_output_gate ? output : 0.0) + cached + output);
}

/// Queries of low rank, one vector that is key and value of all heads, the output in groups of low rank; and what
/// compresses the cache: projections of entries and of their weights, twice as wide where neighbours overlap
/// (DeepSeek-V4, ratio 4).
double compressed_attention_parameters(const Model& model) {
  const double hidden = as_real(model.hidden_size);
  const double queries = as_real(model.num_attention_heads * model.head_dim);
  const double rank = as_real(model.q_lora_rank);
  const double query = rank > 0.0 ? rank * (hidden + queries) : hidden * queries;
  const double output = as_real(model.o_lora_rank) * (queries + as_real(model.o_groups) * hidden);
  const double overlap = model.layer.index_topk > 0 ? 2.0 : 1.0;
  const double compressor = model.layer.compress_ratio > 0 ? 2.0 * overlap * hidden * as_real(model.head_dim) : 0.0;
  return query + hidden * as_real(model.head_dim) + output + compressor;
}

/// Queries, keys, values, output gate, two gates per head; a convolution over queries, keys and values; output.
/// Source: Yang et al., arXiv:2412.06464, as in Qwen3-Next and Qwen3.5.
double delta_net_parameters(const Model& model) {
  const double hidden = as_real(model.hidden_size);
  const double keys = as_real(model.linear_num_key_heads * model.linear_key_head_dim);
  const double values = as_real(model.linear_num_value_heads * model.linear_value_head_dim);
  const double heads = as_real(model.linear_num_value_heads);
  return hidden * (2.0 * keys + 3.0 * values + 2.0 * heads) +
         (2.0 * keys + values) * as_real(model.linear_conv_kernel_dim) + 2.0 * heads +
         as_real(model.linear_value_head_dim);
}

/// Gate, input, B, C and step sizes; a convolution over input, B and C; output, norm, three numbers a head.
/// Source: Dao and Gu, arXiv:2405.21060, section 8.
double mamba_parameters(const Model& model) {
  const double hidden = as_real(model.hidden_size);
  const double inner = as_real(model.mamba_num_heads * model.mamba_head_dim);
  const double groups = 2.0 * as_real(model.n_groups * model.ssm_state_size);
  return hidden * (2.0 * inner + groups + as_real(model.mamba_num_heads)) +
         (inner + groups) * (as_real(model.conv_kernel) + 1.0) + inner * hidden + inner +
         3.0 * as_real(model.mamba_num_heads);
}

/// Two per layer (one for each half it has) and one before the output; latent attention also normalises its two
/// compressed vectors.
double norm_parameters(const Model& view) {
  const double halves =
      (view.layer.mixer != TokenMixer::kNone ? 1.0 : 0.0) + (view.layer.feed_forward != FeedForward::kNone ? 1.0 : 0.0);
  const double latent = view.has_latent_attention() ? as_real(view.q_lora_rank + view.kv_lora_rank) : 0.0;
  return halves * as_real(view.hidden_size) + latent;
}

void add_layers(ParameterCount& sum, const Model& view, double layers) {
  sum.attention += layers * attention_parameters_per_layer(view);
  sum.norms += layers * norm_parameters(view);
  if (view.layer.feed_forward == FeedForward::kDense) sum.mlp += layers * mlp_parameters(view, view.intermediate_size);
  if (view.layer.feed_forward != FeedForward::kExperts) return;
  sum.experts += layers * as_real(view.num_experts) * expert_parameters(view);
  sum.shared_experts += layers * mlp_parameters(view, view.shared_expert_width());
  sum.router += layers * router_parameters(view);
}

}  // namespace

/// Its queries come from the queries' low rank; one key per token, one weight per head. Where the cache is compressed
/// its keys are compressed too.
double indexer_parameters(const Model& model) {
  if (model.layer.index_topk == 0) return 0.0;
  const double hidden = as_real(model.hidden_size);
  const double width = as_real(model.index_n_heads * model.index_head_dim);
  const double source = model.q_lora_rank > 0 ? as_real(model.q_lora_rank) : hidden;
  const double keys = hidden * as_real(model.index_head_dim) * (model.layer.compress_ratio > 0 ? 4.0 : 1.0);
  return source * width + keys + hidden * as_real(model.index_n_heads);
}

double attention_parameters_per_layer(const Model& model) {
  switch (model.layer.mixer) {
    case TokenMixer::kNone:
      return 0.0;
    case TokenMixer::kDeltaNet:
      return delta_net_parameters(model);
    case TokenMixer::kMamba:
      return mamba_parameters(model);
    case TokenMixer::kConvolution:
      return as_real(model.hidden_size) * (4.0 * as_real(model.hidden_size) + as_real(model.conv_kernel));
    case TokenMixer::kAttention:
      break;
  }
  if (model.o_lora_rank > 0) return compressed_attention_parameters(model) + indexer_parameters(model);
  if (model.has_latent_attention()) return latent_attention_parameters(model) + indexer_parameters(model);
  const bool plain = !model.attn_output_gate && !model.layer.keys_are_values && !model.layer.reuses_cache &&
                     model.value_head_dim() == model.head_dim;
  return (plain ? grouped_attention_parameters(model) : other_attention_parameters(model)) + indexer_parameters(model);
}

double mlp_parameters(const Model& model, Count intermediate_size) {
  return (model.gated_mlp ? 3.0 : 2.0) * as_real(model.hidden_size) * as_real(intermediate_size);
}

Count expert_columns(const Model& model) {
  return model.moe_latent_size > 0 ? model.moe_latent_size : model.hidden_size;
}

double expert_parameters(const Model& model) {
  return (model.gated_mlp ? 3.0 : 2.0) * as_real(expert_columns(model)) * as_real(model.moe_intermediate_size);
}

double router_parameters(const Model& model) {
  return as_real(model.num_experts) * as_real(model.hidden_size) +
         2.0 * as_real(model.moe_latent_size) * as_real(model.hidden_size);
}

ParameterCount parameter_count(const Model& model) {
  ParameterCount count;
  count.embedding = as_real(model.vocab_size) * as_real(model.hidden_size);
  count.output = model.tie_word_embeddings ? 0.0 : count.embedding;
  for (const auto& [view, layers] : layer_views(model)) add_layers(count, view, as_real(layers));
  count.norms += as_real(model.hidden_size);
  count.lookup = model.lookup_parameters;
  count.tower = model.tower_parameters;
  if (model.num_nextn_predict_layers > 0) {
    // The projection of two inputs to one, their norms and the one of the output, and a layer.
    const double hidden = as_real(model.hidden_size);
    ParameterCount module;
    add_layers(module, prediction_view(model), 1.0);
    count.prediction =
        as_real(model.num_nextn_predict_layers) * (module.total() + 2.0 * hidden * hidden + 3.0 * hidden);
  }
  return count;
}

double training_state_bytes(const Model& model) {
  constexpr double kBytesPerParameter = 14.0;
  return model.hidden_size > 0 ? kBytesPerParameter * parameter_count(model).total() : 0.0;
}

double active_parameters(const Model& model) {
  const ParameterCount count = parameter_count(model);
  const double language = count.total() - count.tower - count.lookup;
  if (!model.is_mixture_of_experts()) return count.tower + count.lookup > 0.0 ? language : count.total();
  const double routed_ratio = as_real(model.num_experts_per_tok) / as_real(model.num_experts);
  const double read_by_row = model.tie_word_embeddings ? 0.0 : count.embedding;
  return language - (1.0 - routed_ratio) * count.experts - read_by_row;
}

}  // namespace windtunnel::modeling
