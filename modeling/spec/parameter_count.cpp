// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/parameter_count.h"

namespace windtunnel::modeling {
namespace {

double as_real(Count count) {
  return static_cast<double>(count);
}

Count expert_layers(const Model& model) {
  return model.is_mixture_of_experts() ? model.num_hidden_layers - model.first_k_dense_layers : 0;
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

// Two per layer and one before the output; latent attention also normalises its two compressed vectors.
double norm_parameters(const Model& model) {
  const double layers = as_real(model.num_hidden_layers);
  const double latent = model.has_latent_attention() ? as_real(model.q_lora_rank + model.kv_lora_rank) : 0.0;
  return (2.0 * layers + 1.0) * as_real(model.hidden_size) + layers * latent;
}

}  // namespace

double attention_parameters_per_layer(const Model& model) {
  return model.has_latent_attention() ? latent_attention_parameters(model) : grouped_attention_parameters(model);
}

double mlp_parameters(const Model& model, Count intermediate_size) {
  return (model.gated_mlp ? 3.0 : 2.0) * as_real(model.hidden_size) * as_real(intermediate_size);
}

ParameterCount parameter_count(const Model& model) {
  const double mixed_layers = as_real(expert_layers(model));
  const double expert = mlp_parameters(model, model.moe_intermediate_size);
  ParameterCount count;
  count.embedding = as_real(model.vocab_size) * as_real(model.hidden_size);
  count.output = model.tie_word_embeddings ? 0.0 : count.embedding;
  count.attention = as_real(model.num_hidden_layers) * attention_parameters_per_layer(model);
  count.mlp = (as_real(model.num_hidden_layers) - mixed_layers) * mlp_parameters(model, model.intermediate_size);
  count.experts = mixed_layers * as_real(model.num_experts) * expert;
  count.shared_experts = mixed_layers * as_real(model.num_shared_experts) * expert;
  count.router = mixed_layers * as_real(model.num_experts) * as_real(model.hidden_size);
  count.norms = norm_parameters(model);
  return count;
}

double training_state_bytes(const Model& model) {
  constexpr double kBytesPerParameter = 14.0;
  return model.hidden_size > 0 ? kBytesPerParameter * parameter_count(model).total() : 0.0;
}

double active_parameters(const Model& model) {
  const ParameterCount count = parameter_count(model);
  if (!model.is_mixture_of_experts()) return count.total();
  const double routed_ratio = as_real(model.num_experts_per_tok) / as_real(model.num_experts);
  return count.total() - (1.0 - routed_ratio) * count.experts;
}

}  // namespace windtunnel::modeling
