// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/model_flop.h"

#include "modeling/spec/layer_pattern.h"
#include "modeling/spec/parameter_count.h"

namespace windtunnel::modeling {

namespace {

double as_double(Count count) {
  return static_cast<double>(count);
}

/// Columns of the score product plus columns of the value product, halved: the width that multiplies 12 l s.
double attention_width(const Model& m) {
  if (m.layer.mixer != TokenMixer::kAttention) return 0.0;
  const double heads = as_double(m.num_attention_heads);
  if (m.has_latent_attention()) return heads * as_double(m.qk_nope_head_dim + m.qk_rope_head_dim + m.v_head_dim) / 2.0;
  return heads * as_double(m.head_dim + m.value_head_dim()) / 2.0;
}

/// The length of full attention that has as many scores.
double attended_length(const Model& view, double sequence) {
  const LayerKind& layer = view.layer;
  const bool limited = layer.window > 0 || layer.chunk > 0 || layer.index_topk > 0 || layer.compress_ratio > 0;
  return limited ? 2.0 * attended_sum(layer, sequence) / sequence : sequence;
}

double feed_forward_weights(const Model& m) {
  if (m.layer.feed_forward == FeedForward::kNone) return 0.0;
  if (m.layer.feed_forward == FeedForward::kDense) return mlp_parameters(m, m.intermediate_size);
  return as_double(m.num_experts_per_tok) * expert_parameters(m) + mlp_parameters(m, m.shared_expert_width()) +
         router_parameters(m);
}

double layer_weights(const Model& view) {
  return attention_parameters_per_layer(view) + feed_forward_weights(view);
}

double vocabulary_weights(const Model& m) {
  return as_double(m.vocab_size) * as_double(m.hidden_size);
}

/// A module that predicts a further token: the projection of its two inputs, a layer, the output matrix again.
double prediction_weights(const Model& m) {
  const double hidden = as_double(m.hidden_size);
  return 2.0 * hidden * hidden + layer_weights(prediction_view(m)) + vocabulary_weights(m);
}

/// Forward FLOP of one token beside its weights, in the convention of 4 s w: scores, recurrences, indexers.
double mixing_flop(const Model& view, double sequence) {
  const double entries = view.layer.compress_ratio > 0 ? sequence / as_double(view.layer.compress_ratio) : sequence;
  const double indexer = view.layer.index_topk > 0
                             ? entries * as_double(view.index_n_heads) * (2.0 * as_double(view.index_head_dim) + 2.0)
                             : 0.0;
  const bool attends = view.layer.mixer == TokenMixer::kAttention;
  return 4.0 * attended_length(view, sequence) * attention_width(view) + indexer +
         (attends ? 0.0 : recurrence_flop(view));
}

}  // namespace

double active_weights(const Model& model) {
  double layers = 0.0;
  for (const auto& [view, count] : layer_views(model)) layers += as_double(count) * layer_weights(view);
  return layers + vocabulary_weights(model) + as_double(model.num_nextn_predict_layers) * prediction_weights(model);
}

double mixing_flop_per_token(const Model& model, double sequence) {
  double flop = 0.0;
  for (const auto& [view, count] : layer_views(model)) flop += as_double(count) * mixing_flop(view, sequence);
  return flop;
}

double model_flop_per_step(const Model& model, const Training& training) {
  const double sequence = as_double(training.sequence_length);
  const double tokens = as_double(training.global_batch) * sequence;
  double mixing = mixing_flop_per_token(model, sequence);
  if (model.num_nextn_predict_layers > 0)
    mixing += as_double(model.num_nextn_predict_layers) * mixing_flop(prediction_view(model), sequence);
  return tokens * (6.0 * active_weights(model) + 3.0 * mixing);
}

}  // namespace windtunnel::modeling
