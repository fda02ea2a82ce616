// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/local_shape.h"

#include <algorithm>

namespace windtunnel::modeling {

namespace {

double number(Count count) {
  return static_cast<double>(count);
}

void fill_attention(LocalShape& shape, const Model& model) {
  shape.heads = number(model.num_attention_heads) / shape.tensor;
  if (model.has_latent_attention()) {
    shape.score_width = number(model.qk_nope_head_dim + model.qk_rope_head_dim);
    shape.value_width = number(model.v_head_dim);
    shape.key_value = shape.heads * (shape.score_width + shape.value_width);
  } else {
    shape.score_width = shape.value_width = number(model.head_dim);
    // Key-value heads fewer than tensor ranks are replicated.
    shape.key_value = 2.0 * std::max(number(model.num_key_value_heads) / shape.tensor, 1.0) * shape.value_width;
  }
  shape.query = shape.heads * shape.score_width;
  shape.attention_output = shape.heads * shape.value_width;
}

void fill_experts(LocalShape& shape, const Model& model, const Training& training) {
  if (!model.is_mixture_of_experts()) return;
  shape.experts = number(model.num_experts);
  shape.copies_per_token = number(model.num_experts_per_tok);
  shape.expert_tensor = number(training.parallelism.expert_tensor);
  shape.local_experts = shape.experts / number(training.parallelism.expert);
  shape.expert_rows = shape.shared_tokens * shape.copies_per_token * shape.expert_tensor * training.expert_imbalance;
  shape.expert_mlp = number(model.moe_intermediate_size) / shape.expert_tensor;
  shape.shared_mlp = number(model.num_shared_experts * model.moe_intermediate_size) / shape.tensor;
}

/// Weights of the attention block on one device; the down-projections of latent attention are not split.
double attention_parameters(const Model& model, const LocalShape& s) {
  const double output = s.attention_output * s.hidden;
  if (!model.has_latent_attention()) return s.hidden * (s.query + s.key_value) + output;
  const double query_rank = number(model.q_lora_rank);
  const double key_value_rank = number(model.kv_lora_rank);
  const double query = query_rank > 0.0 ? query_rank * (s.hidden + s.query) : s.hidden * s.query;
  const double key_value = s.hidden * (key_value_rank + number(model.qk_rope_head_dim)) +
                           key_value_rank * s.heads * number(model.qk_nope_head_dim + model.v_head_dim);
  return query + key_value + output;
}

}  // namespace

LocalShape local_shape(const Model& model, const Training& training) {
  const Parallelism& p = training.parallelism;
  LocalShape shape;
  shape.tensor = number(p.tensor);
  shape.context = number(p.context);
  shape.sequence = number(training.sequence_length);
  shape.micro_batch = number(training.micro_batch);
  shape.tokens = shape.micro_batch * shape.sequence / shape.context;
  shape.shared_tokens = training.sequence_parallel ? shape.tokens / shape.tensor : shape.tokens;
  shape.hidden = number(model.hidden_size);
  shape.mlp = number(model.intermediate_size) / shape.tensor;
  shape.mlp_inputs = model.gated_mlp ? 2.0 : 1.0;
  shape.vocabulary = number(model.vocab_size) / shape.tensor;
  fill_attention(shape, model);
  fill_experts(shape, model, training);
  return shape;
}

TemplateParameters template_parameters(const Model& model, const Training& training, Segment segment) {
  const LocalShape s = local_shape(model, training);
  const double norms = 2.0 * s.hidden;
  const double per_column = (s.mlp_inputs + 1.0) * s.hidden;
  switch (segment) {
    case Segment::kEmbedding:
      return {s.vocabulary * s.hidden, 0.0};
    case Segment::kDenseLayer:
      return {attention_parameters(model, s) + norms + per_column * s.mlp, 0.0};
    case Segment::kExpertLayer:
      return {attention_parameters(model, s) + norms + per_column * s.shared_mlp + s.hidden * s.experts,
              per_column * s.expert_mlp * s.local_experts};
    case Segment::kNextToken: {
      // Norms of both inputs and of the output, the projection of both to one, and the module's layer. The embedding
      // and the output matrix are those of the model; behind a pipeline the last stage needs an embedding of its own.
      const Segment layer = model.is_mixture_of_experts() ? Segment::kExpertLayer : Segment::kDenseLayer;
      const TemplateParameters body = template_parameters(model, training, layer);
      const double embedding = training.parallelism.pipeline > 1 ? s.vocabulary * s.hidden : 0.0;
      return {body.shared + 3.0 * s.hidden + 2.0 * s.hidden * s.hidden / s.tensor + embedding, body.expert};
    }
    case Segment::kHead:
      // One matrix for input and output when they are tied and on one device.
      return {model.tie_word_embeddings && training.parallelism.pipeline == 1 ? 0.0 : s.vocabulary * s.hidden, 0.0};
  }
  return {};
}

double shared_replicas(const Parallelism& p) {
  return number(p.data * p.context);
}

double expert_replicas(const Parallelism& p) {
  return number(p.tensor * p.context * p.data) / number(p.expert * p.expert_tensor);
}

}  // namespace windtunnel::modeling
