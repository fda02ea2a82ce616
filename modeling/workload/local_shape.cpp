// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/local_shape.h"

#include <algorithm>

#include "modeling/spec/parameter_count.h"
#include "modeling/workload/layer_segments.h"

namespace windtunnel::modeling {

namespace {

double number(Count count) {
  return static_cast<double>(count);
}

/// Layers with a state: what the product into them makes, and what the recurrence gives.
void fill_recurrence(LocalShape& shape, const Model& m) {
  double inputs = 0.0;
  double inner = 0.0;
  if (m.layer.mixer == TokenMixer::kDeltaNet) {
    inner = number(m.linear_num_value_heads * m.linear_value_head_dim);
    inputs = 2.0 * number(m.linear_num_key_heads * m.linear_key_head_dim) + 2.0 * inner +
             2.0 * number(m.linear_num_value_heads);
  } else if (m.layer.mixer == TokenMixer::kMamba) {
    inner = number(m.mamba_num_heads * m.mamba_head_dim);
    inputs = 2.0 * inner + 2.0 * number(m.n_groups * m.ssm_state_size) + number(m.mamba_num_heads);
  } else if (m.layer.mixer == TokenMixer::kConvolution) {
    inner = number(m.hidden_size);
    inputs = 3.0 * inner;
  }
  shape.attention_output = shape.query = inner / shape.tensor;
  shape.projected = inputs / shape.tensor;
  shape.key_value = shape.projected - shape.query;
  shape.mixer_flop = recurrence_flop(m) / shape.tensor;
}

void fill_indexer(LocalShape& shape, const Model& m) {
  const double tokens = shape.sequence;
  const LayerKind& layer = m.layer;
  const bool limited = layer.window > 0 || layer.chunk > 0 || layer.index_topk > 0 || layer.compress_ratio > 0;
  if (limited) shape.attended_ratio = attended_sum(layer, tokens) / (tokens * tokens / 2.0);
  if (layer.index_topk == 0) return;
  const double entries = layer.compress_ratio > 0 ? tokens / number(layer.compress_ratio) : tokens;
  // Every rank picks by itself: the indexer is not split.
  shape.mixer_flop = entries / 2.0 * number(m.index_n_heads) * (2.0 * number(m.index_head_dim) + 2.0);
}

void fill_attention(LocalShape& shape, const Model& model) {
  if (model.layer.mixer == TokenMixer::kNone) return;
  if (model.layer.mixer != TokenMixer::kAttention) return fill_recurrence(shape, model);
  fill_indexer(shape, model);
  shape.heads = number(model.num_attention_heads) / shape.tensor;
  if (model.has_latent_attention()) {
    shape.score_width = number(model.qk_nope_head_dim + model.qk_rope_head_dim);
    shape.value_width = number(model.v_head_dim);
    shape.key_value = shape.heads * (shape.score_width + shape.value_width);
  } else {
    shape.score_width = number(model.head_dim);
    shape.value_width = number(model.value_head_dim());
    // Key-value heads fewer than tensor ranks are replicated.
    const double heads = std::max(number(model.num_key_value_heads) / shape.tensor, 1.0);
    // One vector is key and value of all heads where the cache is compressed.
    shape.key_value = model.o_lora_rank > 0 ? shape.value_width : heads * (shape.score_width + shape.value_width);
  }
  shape.query = shape.heads * shape.score_width;
  shape.attention_output = shape.heads * shape.value_width;
  const double cached = model.layer.reuses_cache ? 0.0 : model.layer.keys_are_values ? 0.5 : 1.0;
  shape.projected = shape.query + (model.attn_output_gate ? shape.attention_output : 0.0) + cached * shape.key_value;
}

void fill_experts(LocalShape& shape, const Model& model, const Training& training) {
  if (!model.is_mixture_of_experts()) return;
  shape.experts = number(model.num_experts);
  shape.copies_per_token = number(model.num_experts_per_tok);
  shape.expert_tensor = number(training.parallelism.expert_tensor);
  shape.local_experts = shape.experts / number(training.parallelism.expert);
  shape.expert_rows = shape.shared_tokens * shape.copies_per_token * shape.expert_tensor * training.expert_imbalance;
  shape.expert_mlp = number(model.moe_intermediate_size) / shape.expert_tensor;
  shape.expert_hidden = number(expert_columns(model));
  shape.shared_mlp = number(model.shared_expert_width()) / shape.tensor;
}

/// Weights of the attention block on one device; the down-projections of latent attention are not split.
double attention_parameters(const Model& model, const LocalShape& s) {
  const double output = s.attention_output * s.hidden;
  if (model.layer.mixer == TokenMixer::kNone) return 0.0;
  if (model.layer.mixer != TokenMixer::kAttention) return attention_parameters_per_layer(model) / s.tensor;
  const double indexer = indexer_parameters(model);
  if (model.o_lora_rank > 0) {
    // What the heads are split by is split; the rest is on every rank.
    const double rank = number(model.q_lora_rank);
    const double split = s.query * (rank > 0.0 ? rank : s.hidden) +
                         number(model.o_lora_rank) * (s.query + number(model.o_groups) / s.tensor * s.hidden);
    const double whole = attention_parameters_per_layer(model) - indexer;
    const double split_of_whole = s.tensor * split;
    return split + (whole - split_of_whole) + indexer;
  }
  if (!model.has_latent_attention()) return s.hidden * s.projected + output + indexer;
  const double query_rank = number(model.q_lora_rank);
  const double key_value_rank = number(model.kv_lora_rank);
  const double query = query_rank > 0.0 ? query_rank * (s.hidden + s.query) : s.hidden * s.query;
  const double key_value = s.hidden * (key_value_rank + number(model.qk_rope_head_dim)) +
                           key_value_rank * s.heads * number(model.qk_nope_head_dim + model.v_head_dim);
  return query + key_value + output + indexer;
}

TemplateParameters layer_parameters(const Model& model, const LocalShape& s, double norms) {
  const double per_column = (s.mlp_inputs + 1.0) * s.hidden;
  const double shared = attention_parameters(model, s) + norms;
  if (model.layer.feed_forward == FeedForward::kNone) return {shared, 0.0};
  if (model.layer.feed_forward == FeedForward::kDense) return {shared + per_column * s.mlp, 0.0};
  return {shared + per_column * s.shared_mlp + router_parameters(model),
          (s.mlp_inputs + 1.0) * s.expert_hidden * s.expert_mlp * s.local_experts};
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

TemplateParameters template_parameters(const Model& whole, const Training& training, Segment segment) {
  if (is_layer(segment) && !has_layer(whole, segment)) return {};
  const Model model = segment == Segment::kNextToken ? whole : template_view(whole, segment);
  const LocalShape s = local_shape(model, training);
  const double norms = ((model.layer.mixer != TokenMixer::kNone ? 1.0 : 0.0) +
                        (model.layer.feed_forward != FeedForward::kNone ? 1.0 : 0.0)) *
                       s.hidden;
  switch (segment) {
    default:
      break;
    case Segment::kEmbedding:
      return {s.vocabulary * s.hidden, 0.0};
    case Segment::kNextToken: {
      // Norms of both inputs and of the output, the projection of both to one, and the module's layer. The embedding
      // and the output matrix are those of the model; behind a pipeline the last stage needs an embedding of its own.
      const Model layer = prediction_view(model);
      const TemplateParameters body = layer_parameters(layer, local_shape(layer, training), 2.0 * s.hidden);
      const double embedding = training.parallelism.pipeline > 1 ? s.vocabulary * s.hidden : 0.0;
      return {body.shared + 3.0 * s.hidden + 2.0 * s.hidden * s.hidden / s.tensor + embedding, body.expert};
    }
    case Segment::kHead:
      // One matrix for input and output when they are tied and on one device.
      return {model.tie_word_embeddings && training.parallelism.pipeline == 1 ? 0.0 : s.vocabulary * s.hidden, 0.0};
  }
  return layer_parameters(model, s, norms);
}

double shared_replicas(const Parallelism& p) {
  return number(p.data * p.context);
}

double expert_replicas(const Parallelism& p) {
  return number(p.tensor * p.context * p.data) / number(p.expert * p.expert_tensor);
}

}  // namespace windtunnel::modeling
