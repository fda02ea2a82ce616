// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/serving_layer.h"

#include <algorithm>
#include <cmath>

#include "modeling/spec/parameter_count.h"

namespace windtunnel::modeling {

namespace {

/// Activations stay 16-bit between kernels in every engine modelled.
constexpr double kServedActivationBytes = 2.0;

double real(Count count) {
  return static_cast<double>(count);
}

/// Layers on the fullest pipeline rank.
double layers_on_rank(const Model& model, const ServingPool& pool) {
  return std::ceil(real(model.num_hidden_layers) / real(pool.parallelism.pipeline));
}

/// Adds operators of one layer; the shapes are those of one device.
class LayerWriter {
 public:
  LayerWriter(const Model& model, const Serving& serving, const ServingPool& pool, Segment segment, double tokens)
      : model_(model), serving_(serving), degrees_(pool.parallelism), segment_(segment), tokens_(tokens) {}

  /// `stored` is how the weights lie in memory.
  void product(const char* name, double rows, double columns, double depth, double batch, Precision stored) {
    const Precision precision = arithmetic_precision(serving_, stored);
    Operator op{.name = name, .segment = segment_, .kind = OperatorKind::kMatrixProduct};
    op.rows = rows;
    op.columns = columns;
    op.depth = depth;
    op.batch = batch;
    op.precision = precision;
    op.dequantised = bytes_per_element(stored) < bytes_per_element(precision);
    op.flop = 2.0 * rows * columns * depth * batch;
    op.memory_bytes = batch * (stored_bytes_per_weight(model_, stored) * columns * depth +
                               kServedActivationBytes * rows * (columns + depth));
    operators_.push_back(std::move(op));
  }

  void product(const char* name, double columns, double depth, Precision stored) {
    product(name, tokens_, columns, depth, 1.0, stored);
  }

  void stream(const char* name, double bytes) {
    Operator op{.name = name, .segment = segment_, .kind = OperatorKind::kStream};
    op.memory_bytes = bytes;
    operators_.push_back(std::move(op));
  }

  void collective(const char* name, Collective kind, CommGroup group, double bytes, double copies = 1.0) {
    Operator op{.name = name, .segment = segment_, .kind = OperatorKind::kCollective};
    op.collective = kind;
    op.group = group;
    op.message_bytes = bytes;
    op.copies = copies;
    operators_.push_back(std::move(op));
  }

  void reduce_over_tensor(const char* name) {
    if (tensor() > 1.0) collective(name, Collective::kAllReduce, CommGroup::kTensor, hidden_bytes());
  }

  std::size_t operators_so_far() const { return operators_.size(); }
  /// Operators from `first` on work on the tokens of all attention ranks.
  void mark_over_ranks(std::size_t first) {
    for (std::size_t i = first; i < operators_.size(); ++i) operators_[i].over_ranks = true;
  }

  const Model& model() const { return model_; }
  double tensor() const { return real(degrees_.tensor); }
  double tokens() const { return tokens_; }
  double hidden() const { return real(model_.hidden_size); }
  double hidden_bytes() const { return kServedActivationBytes * tokens_ * hidden(); }
  double heads() const { return real(model_.num_attention_heads) / tensor(); }
  double mlp_inputs() const { return model_.gated_mlp ? 2.0 : 1.0; }
  const Parallelism& degrees() const { return degrees_; }
  Precision weights() const { return serving_.weights; }
  Precision expert_weights() const { return serving_.expert_weights.value_or(serving_.weights); }
  Precision attention_weights() const { return attention_precision(model_, serving_); }
  std::vector<Operator> take() { return std::move(operators_); }

 private:
  const Model& model_;
  const Serving& serving_;
  const Parallelism& degrees_;
  Segment segment_;
  double tokens_;
  std::vector<Operator> operators_;
};

void write_latent_projections(LayerWriter& w) {
  const Model& m = w.model();
  const double query_rank = real(m.q_lora_rank);
  const double latent = real(m.kv_lora_rank);
  const double query_width = w.heads() * real(m.qk_nope_head_dim + m.qk_rope_head_dim);
  w.product("latent down-projection", query_rank + latent + real(m.qk_rope_head_dim), w.hidden(),
            w.attention_weights());
  w.product("query up-projection", query_width, query_rank > 0.0 ? query_rank : w.hidden(), w.attention_weights());
  // Decoding multiplies queries and outputs by the key and value factors per head (absorption), a prompt expands its
  // keys and values: the same products with the operands in another order, DeepSeek-V2, arXiv:2405.04434 section 2.1.
  w.product("key-value factors", w.tokens(), real(m.qk_nope_head_dim + m.v_head_dim), latent, w.heads(),
            Precision::kBf16);
}

/// Projections of a mixer whose state does not grow; its recurrence is priced with the attention cores.
void write_recurrent(LayerWriter& w, const char* name, double inputs, double inner) {
  w.stream("mixer norm", 3.0 * w.hidden_bytes());
  w.product(name, inputs / w.tensor(), w.hidden(), w.attention_weights());
  w.stream("convolution and gates", 2.0 * kServedActivationBytes * w.tokens() * inputs / w.tensor());
  w.product("mixer output", w.hidden(), inner / w.tensor(), w.attention_weights());
  w.reduce_over_tensor("reduce mixer output");
}

void write_delta_net(LayerWriter& w) {
  const Model& m = w.model();
  const double keys = real(m.linear_num_key_heads * m.linear_key_head_dim);
  const double values = real(m.linear_num_value_heads * m.linear_value_head_dim);
  write_recurrent(w, "linear attention input", 2.0 * keys + 2.0 * values + 2.0 * real(m.linear_num_value_heads),
                  values);
}

void write_mamba(LayerWriter& w) {
  const Model& m = w.model();
  const double inner = real(m.mamba_num_heads * m.mamba_head_dim);
  write_recurrent(w, "state-space input",
                  2.0 * inner + 2.0 * real(m.n_groups * m.ssm_state_size) + real(m.mamba_num_heads), inner);
}

/// Queries and output of low rank, one vector that is key and value of all heads; the projections that compress.
void write_compressed_projections(LayerWriter& w) {
  const Model& m = w.model();
  const double rank = real(m.q_lora_rank);
  const double width = real(m.head_dim);
  const double overlap = m.layer.index_topk > 0 ? 2.0 : 1.0;
  const double compressor = m.layer.compress_ratio > 0 ? 2.0 * overlap * width : 0.0;
  w.product("query down-projection, key-value and compressor", rank + width + compressor, w.hidden(),
            w.attention_weights());
  w.product("query up-projection", w.heads() * width, rank > 0.0 ? rank : w.hidden(), w.attention_weights());
  w.stream("rotate and cache", 2.0 * kServedActivationBytes * w.tokens() * (w.heads() * width + width));
}

void write_compressed_output(LayerWriter& w) {
  const Model& m = w.model();
  const double groups = std::max(1.0, real(m.o_groups) / w.tensor());
  w.product("output down-projection", w.tokens(), real(m.o_lora_rank), w.heads() * real(m.head_dim) / groups, groups,
            w.attention_weights());
  w.product("attention output", w.hidden(), groups * real(m.o_lora_rank), w.attention_weights());
}

void write_indexer(LayerWriter& w) {
  const Model& m = w.model();
  if (m.layer.index_topk == 0) return;
  // Every rank picks by itself: the indexer is not split.
  const double keys = real(m.index_head_dim) * (m.layer.compress_ratio > 0 ? 4.0 : 1.0);
  w.product("indexer queries", real(m.index_n_heads * m.index_head_dim),
            m.q_lora_rank > 0 ? real(m.q_lora_rank) : w.hidden(), w.attention_weights());
  w.product("indexer keys and weights", keys + real(m.index_n_heads), w.hidden(), w.attention_weights());
}

void write_attention(LayerWriter& w, const AttentionShape& attention) {
  const Model& m = w.model();
  if (m.layer.mixer == TokenMixer::kNone) return;
  if (m.layer.mixer == TokenMixer::kDeltaNet) return write_delta_net(w);
  if (m.layer.mixer == TokenMixer::kMamba) return write_mamba(w);
  if (m.layer.mixer == TokenMixer::kConvolution)
    return write_recurrent(w, "convolution input", 3.0 * w.hidden(), w.hidden());
  w.stream("attention norm", 3.0 * w.hidden_bytes());
  const double output = w.heads() * real(m.value_head_dim());
  if (m.o_lora_rank > 0) {
    write_compressed_projections(w);
  } else if (m.has_latent_attention()) {
    write_latent_projections(w);
  } else {
    const double cached = attention.key_value_heads * attention.cached_width;
    const double key_value = m.layer.reuses_cache ? 0.0 : m.layer.keys_are_values ? cached / 2.0 : cached;
    const double queries = w.heads() * real(m.head_dim) + (m.attn_output_gate ? output : 0.0);
    w.product("query-key-value", queries + key_value, w.hidden(), w.attention_weights());
    w.stream("rotate and cache", 2.0 * kServedActivationBytes * w.tokens() * (queries + key_value));
  }
  write_indexer(w);
  if (m.o_lora_rank > 0) {
    write_compressed_output(w);
  } else {
    w.product("attention output", w.hidden(), output, w.attention_weights());
  }
  w.reduce_over_tensor("reduce attention output");
}

void write_mlp(LayerWriter& w, const char* input, const char* output, double columns) {
  w.product(input, w.mlp_inputs() * columns, w.hidden(), w.weights());
  w.stream("activation", kServedActivationBytes * (w.mlp_inputs() + 1.0) * w.tokens() * columns);
  w.product(output, w.hidden(), columns, w.weights());
}

/// Experts spread over `expert` groups of devices; the devices of one group split each of its experts' matrices.
void write_experts(LayerWriter& w) {
  const Model& m = w.model();
  const Parallelism& d = w.degrees();
  const double devices = real(d.tensor * d.data);
  const double groups = std::min(real(d.expert), devices);
  const double columns = real(m.moe_intermediate_size) * groups / devices;
  const double all_tokens = w.tokens() * real(d.data);
  const double experts = real(m.num_experts) / groups;
  const double touched = std::max(1.0, distinct_experts(experts, real(m.num_experts_per_tok) / groups, all_tokens));
  const double copies = all_tokens * real(m.num_experts_per_tok) / groups;
  const double rows = copies / touched;
  w.product("router", w.tokens(), real(m.num_experts), w.hidden(), 1.0, Precision::kBf16);
  if (m.moe_latent_size > 0) w.product("to experts' columns", real(m.moe_latent_size), w.hidden(), w.weights());
  const bool exchanges = d.data > 1;
  const auto first = w.operators_so_far();
  const double width = real(expert_columns(m));
  const double message = kServedActivationBytes * w.tokens() * width * real(m.num_experts_per_tok) / w.tensor();
  if (exchanges)
    w.collective("dispatch tokens", Collective::kAllToAll, CommGroup::kExpert, message, real(m.num_experts_per_tok));
  w.stream("permute tokens", 2.0 * kServedActivationBytes * copies * width);
  w.product("experts input", rows, w.mlp_inputs() * columns, width, touched, w.expert_weights());
  w.stream("experts activation", kServedActivationBytes * (w.mlp_inputs() + 1.0) * copies * columns);
  w.product("experts output", rows, width, columns, touched, w.expert_weights());
  w.stream("weigh and add", kServedActivationBytes * copies * width + w.hidden_bytes());
  if (exchanges)
    w.collective("combine tokens", Collective::kAllToAll, CommGroup::kExpert, message, real(m.num_experts_per_tok));
  w.mark_over_ranks(first);
  if (m.moe_latent_size > 0) w.product("from experts' columns", w.hidden(), real(m.moe_latent_size), w.weights());
}

void write_expert_layer(LayerWriter& w) {
  const Model& m = w.model();
  w.stream("mlp norm", 3.0 * w.hidden_bytes());
  if (m.shared_expert_width() > 0)
    write_mlp(w, "shared experts input", "shared experts output", real(m.shared_expert_width()) / w.tensor());
  write_experts(w);
  if (w.degrees().data == 1) w.reduce_over_tensor("reduce experts output");
}

void write_dense_layer(LayerWriter& w) {
  if (w.model().layer.feed_forward == FeedForward::kNone) return;
  w.stream("mlp norm", 3.0 * w.hidden_bytes());
  write_mlp(w, "mlp input", "mlp output", real(w.model().intermediate_size) / w.tensor());
  w.reduce_over_tensor("reduce mlp output");
}

void write_head(LayerWriter& w) {
  const double vocabulary = real(w.model().vocab_size) / w.tensor();
  w.product("output projection", w.tokens(), vocabulary, w.hidden(), 1.0, Precision::kBf16);
  if (w.tensor() > 1.0)
    w.collective("gather logits", Collective::kAllGather, CommGroup::kTensor,
                 kServedActivationBytes * w.tokens() * real(w.model().vocab_size));
  // Logits in 32 bits: written, read for the maximum or the sum, read for the draw.
  w.stream("sampling", 3.0 * 4.0 * w.tokens() * real(w.model().vocab_size));
}

/// Weights of one layer of a view on one device.
double layer_weight_bytes(const Model& m, const Serving& serving, const Parallelism& d) {
  const double tensor = real(d.tensor);
  const double per_weight = stored_bytes_per_weight(m, serving.weights);
  const double attention =
      stored_bytes_per_weight(m, attention_precision(m, serving)) * attention_parameters_per_layer(m) / tensor;
  if (m.layer.feed_forward == FeedForward::kNone) return attention;
  if (m.layer.feed_forward == FeedForward::kDense)
    return attention + per_weight * mlp_parameters(m, m.intermediate_size) / tensor;
  const double shared = per_weight * mlp_parameters(m, m.shared_expert_width()) / tensor;
  const double routed = stored_bytes_per_weight(m, serving.expert_weights.value_or(serving.weights)) *
                        real(m.num_experts) * expert_parameters(m) / real(d.tensor * d.data);
  return attention + shared + routed + kServedActivationBytes * router_parameters(m);
}

}  // namespace

Precision arithmetic_precision(const Serving& serving, Precision stored) {
  if (bytes_per_element(stored) >= bytes_per_element(Precision::kBf16)) return stored;
  if (serving.activations) return *serving.activations;
  return stored == Precision::kInt4 || stored == Precision::kInt8 ? Precision::kBf16 : stored;
}

Precision attention_precision(const Model& model, const Serving& serving) {
  if (serving.attention_weights) return *serving.attention_weights;
  const bool four_bits = bytes_per_element(serving.weights) < 1.0;
  return four_bits && model.is_mixture_of_experts() ? Precision::kBf16 : serving.weights;
}

Precision cache_precision(const Serving& serving) {
  return bytes_per_element(serving.kv_cache) < 1.0 ? Precision::kFp8 : serving.kv_cache;
}

double stored_bytes_per_weight(const Model& model, Precision precision) {
  const bool integer = precision == Precision::kInt4 || precision == Precision::kInt8;
  const bool same_width = model.checkpoint.quantised_bits >= 8.0 * bytes_per_element(precision) &&
                          model.checkpoint.quantised_bits < 16.0 * bytes_per_element(precision);
  return integer && same_width ? model.checkpoint.quantised_bits / 8.0 : bytes_per_weight(precision);
}

double AttentionShape::cached_bytes_per_token() const {
  return key_value_heads * cached_width * bytes_per_element(cache_precision);
}

double AttentionShape::cached_bytes(double tokens) const {
  const double indexed = layer.compress_ratio > 0 ? tokens / real(layer.compress_ratio) : tokens;
  return cached_entries(layer, tokens) * cached_bytes_per_token() + indexed * index_bytes + state_bytes;
}

AttentionShape attention_shape(const Model& model, const Serving& serving, const ServingPool& pool) {
  const double tensor = real(pool.parallelism.tensor);
  AttentionShape shape;
  shape.cache_precision = cache_precision(serving);
  shape.layer = model.layer;
  if (model.layer.mixer != TokenMixer::kAttention) {
    shape.state_bytes = state_bytes(model) / tensor;
    shape.token_flop = recurrence_flop(model) / tensor;
    return shape;
  }
  shape.query_heads = real(model.num_attention_heads) / tensor;
  if (model.layer.index_topk > 0) {
    // Keys of 8 bits with a 32-bit scale per 128; a product and a weighing for each head and entry.
    shape.index_bytes = real(model.index_head_dim) * (1.0 + 4.0 / 128.0);
    shape.index_flop = real(model.index_n_heads) * (2.0 * real(model.index_head_dim) + 2.0);
  }
  if (model.o_lora_rank > 0) {
    shape.key_value_heads = 1.0;
    shape.cached_width = real(model.head_dim);
    shape.decode_flop = shape.prefill_flop = 4.0 * real(model.head_dim);
    return shape;
  }
  if (model.has_latent_attention()) {
    const double latent = real(model.kv_lora_rank);
    const double rope = real(model.qk_rope_head_dim);
    shape.key_value_heads = 1.0;
    shape.cached_width = latent + rope;
    shape.decode_flop = 2.0 * (2.0 * latent + rope);
    shape.prefill_flop = 2.0 * (real(model.qk_nope_head_dim) + rope + real(model.v_head_dim));
    return shape;
  }
  shape.key_value_heads = std::max(1.0, real(model.num_key_value_heads) / tensor);
  shape.cached_width = real(model.head_dim + model.value_head_dim());
  shape.decode_flop = shape.prefill_flop = 2.0 * real(model.head_dim + model.value_head_dim());
  return shape;
}

double cached_bytes_per_token(const Model& model, const Serving& serving, const ServingPool& pool) {
  if (model.layer_kinds.empty())
    return attention_shape(model, serving, pool).cached_bytes_per_token() * layers_on_rank(model, pool);
  const double share = layers_on_rank(model, pool) / real(model.num_hidden_layers);
  double grows = 0.0;
  double within_windows = 0.0;
  for (const auto& [view, layers] : layer_views(model)) {
    const AttentionShape shape = attention_shape(view, serving, pool);
    constexpr double kLong = 1e9;
    grows += share * real(layers) * (shape.cached_bytes(2.0 * kLong) - shape.cached_bytes(kLong)) / kLong;
    within_windows += share * real(layers) * cached_entries(view.layer, 1.0) * shape.cached_bytes_per_token();
  }
  return grows > 0.0 ? grows : within_windows;
}

double cached_sequence_bytes(const Model& model, const Serving& serving, const ServingPool& pool, double tokens) {
  if (model.layer_kinds.empty()) return tokens * cached_bytes_per_token(model, serving, pool);
  const double share = layers_on_rank(model, pool) / real(model.num_hidden_layers);
  double bytes = 0.0;
  for (const auto& [view, layers] : layer_views(model))
    bytes += share * real(layers) * attention_shape(view, serving, pool).cached_bytes(tokens);
  return bytes;
}

Segment segment_of(const Model& view) {
  return view.layer.feed_forward == FeedForward::kExperts ? Segment::kExpertLayer : Segment::kDenseLayer;
}

double distinct_experts(double experts, double per_token, double tokens) {
  return -experts * std::expm1(tokens * std::log1p(-std::min(per_token / experts, 1.0 - 1e-12)));
}

std::vector<Operator> serving_operators(const Model& model, const Serving& serving, const ServingPool& pool,
                                        Segment segment, double tokens) {
  LayerWriter w(model, serving, pool, segment, tokens);
  switch (segment) {
    case Segment::kEmbedding:
      w.stream("embedding", 2.0 * w.hidden_bytes());
      break;
    case Segment::kDenseLayer:
      write_attention(w, attention_shape(model, serving, pool));
      write_dense_layer(w);
      break;
    case Segment::kExpertLayer:
      write_attention(w, attention_shape(model, serving, pool));
      write_expert_layer(w);
      break;
    case Segment::kHead:
      write_head(w);
      break;
    default:  // a module that predicts a further token is trained, not served
      break;
  }
  return w.take();
}

double serving_weight_bytes(const Model& model, const Serving& serving, const ServingPool& pool) {
  const Parallelism& d = pool.parallelism;
  const double share = layers_on_rank(model, pool) / real(model.num_hidden_layers);
  double layers = 0.0;
  for (const auto& [view, count] : layer_views(model)) layers += real(count) * layer_weight_bytes(view, serving, d);
  const double ends = (model.tie_word_embeddings && d.pipeline == 1 ? 1.0 : 2.0) * kServedActivationBytes *
                      real(model.vocab_size * model.hidden_size) / real(d.tensor);
  const double beside = kServedActivationBytes * (model.tower_parameters + model.lookup_parameters) / real(d.tensor);
  return share * layers + (d.pipeline > 1 ? ends / 2.0 : ends) + beside;
}

}  // namespace windtunnel::modeling
