// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/model_flop.h"

namespace windtunnel::modeling {

namespace {

double attention_weights(const Model& m) {
  const double hidden = static_cast<double>(m.hidden_size);
  const double heads = static_cast<double>(m.num_attention_heads);
  if (m.has_latent_attention()) {
    const double query = static_cast<double>(m.qk_nope_head_dim + m.qk_rope_head_dim);
    const double down =
        hidden * static_cast<double>(m.q_lora_rank) + hidden * static_cast<double>(m.kv_lora_rank + m.qk_rope_head_dim);
    const double up =
        static_cast<double>(m.q_lora_rank) * heads * query +
        static_cast<double>(m.kv_lora_rank) * heads * static_cast<double>(m.qk_nope_head_dim + m.v_head_dim);
    return down + up + heads * static_cast<double>(m.v_head_dim) * hidden;
  }
  const double head_dim = static_cast<double>(m.head_dim);
  return 2.0 * hidden * heads * head_dim + 2.0 * hidden * static_cast<double>(m.num_key_value_heads) * head_dim;
}

/// Columns of the score product plus columns of the value product, halved: the width that multiplies 12 l s.
double attention_width(const Model& m) {
  const double heads = static_cast<double>(m.num_attention_heads);
  if (m.has_latent_attention())
    return heads * static_cast<double>(m.qk_nope_head_dim + m.qk_rope_head_dim + m.v_head_dim) / 2.0;
  return heads * static_cast<double>(m.head_dim);
}

double dense_mlp_weights(const Model& m) {
  const double matrices = m.gated_mlp ? 3.0 : 2.0;
  return matrices * static_cast<double>(m.hidden_size) * static_cast<double>(m.intermediate_size);
}

double sparse_mlp_weights(const Model& m) {
  const double matrices = m.gated_mlp ? 3.0 : 2.0;
  const double hidden = static_cast<double>(m.hidden_size);
  const double active = static_cast<double>(m.num_experts_per_tok + m.num_shared_experts);
  return matrices * hidden * static_cast<double>(m.moe_intermediate_size) * active +
         hidden * static_cast<double>(m.num_experts);
}

double mlp_weights(const Model& m) {
  const double layers = static_cast<double>(m.num_hidden_layers);
  if (!m.is_mixture_of_experts()) return layers * dense_mlp_weights(m);
  const double first = static_cast<double>(m.first_k_dense_layers);
  return first * dense_mlp_weights(m) + (layers - first) * sparse_mlp_weights(m);
}

double vocabulary_weights(const Model& m) {
  return static_cast<double>(m.vocab_size) * static_cast<double>(m.hidden_size);
}

/// A module that predicts a further token: the projection of its two inputs, a layer, the output matrix again.
double prediction_weights(const Model& m) {
  const double hidden = static_cast<double>(m.hidden_size);
  const double mlp = m.is_mixture_of_experts() ? sparse_mlp_weights(m) : dense_mlp_weights(m);
  return 2.0 * hidden * hidden + attention_weights(m) + mlp + vocabulary_weights(m);
}

}  // namespace

double active_weights(const Model& model) {
  return static_cast<double>(model.num_hidden_layers) * attention_weights(model) + mlp_weights(model) +
         vocabulary_weights(model) + static_cast<double>(model.num_nextn_predict_layers) * prediction_weights(model);
}

double model_flop_per_step(const Model& model, const Training& training) {
  const double tokens = static_cast<double>(training.global_batch) * static_cast<double>(training.sequence_length);
  const Count layers = model.num_hidden_layers + model.num_nextn_predict_layers;
  const double attention =
      12.0 * static_cast<double>(layers) * static_cast<double>(training.sequence_length) * attention_width(model);
  return tokens * (6.0 * active_weights(model) + attention);
}

}  // namespace windtunnel::modeling
