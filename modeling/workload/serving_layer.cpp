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
    op.memory_bytes =
        batch * (bytes_per_weight(stored) * columns * depth + kServedActivationBytes * rows * (columns + depth));
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

void write_attention(LayerWriter& w, const AttentionShape& attention) {
  const Model& m = w.model();
  w.stream("attention norm", 3.0 * w.hidden_bytes());
  const double output = w.heads() * real(m.has_latent_attention() ? m.v_head_dim : m.head_dim);
  if (m.has_latent_attention()) {
    write_latent_projections(w);
  } else {
    const double key_value = attention.key_value_heads * attention.cached_width;
    w.product("query-key-value", output + key_value, w.hidden(), w.attention_weights());
    w.stream("rotate and cache", 2.0 * kServedActivationBytes * w.tokens() * (output + key_value));
  }
  w.product("attention output", w.hidden(), output, w.attention_weights());
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
  const bool exchanges = d.data > 1;
  const auto first = w.operators_so_far();
  const double message = w.hidden_bytes() * real(m.num_experts_per_tok) / w.tensor();
  if (exchanges)
    w.collective("dispatch tokens", Collective::kAllToAll, CommGroup::kExpert, message, real(m.num_experts_per_tok));
  w.stream("permute tokens", 2.0 * kServedActivationBytes * copies * w.hidden());
  w.product("experts input", rows, w.mlp_inputs() * columns, w.hidden(), touched, w.expert_weights());
  w.stream("experts activation", kServedActivationBytes * (w.mlp_inputs() + 1.0) * copies * columns);
  w.product("experts output", rows, w.hidden(), columns, touched, w.expert_weights());
  w.stream("weigh and add", kServedActivationBytes * copies * w.hidden() + w.hidden_bytes());
  if (exchanges)
    w.collective("combine tokens", Collective::kAllToAll, CommGroup::kExpert, message, real(m.num_experts_per_tok));
  w.mark_over_ranks(first);
}

void write_expert_layer(LayerWriter& w) {
  const Model& m = w.model();
  w.stream("mlp norm", 3.0 * w.hidden_bytes());
  if (m.num_shared_experts > 0)
    write_mlp(w, "shared experts input", "shared experts output",
              real(m.num_shared_experts * m.moe_intermediate_size) / w.tensor());
  write_experts(w);
  if (w.degrees().data == 1) w.reduce_over_tensor("reduce experts output");
}

void write_dense_layer(LayerWriter& w) {
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

/// Weights of one layer kind on one device.
double layer_weight_bytes(const Model& m, const Serving& serving, const Parallelism& d, bool experts) {
  const double tensor = real(d.tensor);
  const double per_weight = bytes_per_weight(serving.weights);
  const double attention =
      bytes_per_weight(attention_precision(m, serving)) * attention_parameters_per_layer(m) / tensor;
  if (!experts) return attention + per_weight * mlp_parameters(m, m.intermediate_size) / tensor;
  const double shared = per_weight * mlp_parameters(m, m.num_shared_experts * m.moe_intermediate_size) / tensor;
  const double routed = bytes_per_weight(serving.expert_weights.value_or(serving.weights)) * real(m.num_experts) *
                        mlp_parameters(m, m.moe_intermediate_size) / real(d.tensor * d.data);
  return attention + shared + routed + kServedActivationBytes * real(m.num_experts * m.hidden_size);
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

double AttentionShape::cached_bytes_per_token() const {
  return key_value_heads * cached_width * bytes_per_element(cache_precision);
}

AttentionShape attention_shape(const Model& model, const Serving& serving, const ServingPool& pool) {
  const double tensor = real(pool.parallelism.tensor);
  AttentionShape shape;
  shape.cache_precision = cache_precision(serving);
  shape.query_heads = real(model.num_attention_heads) / tensor;
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
  shape.cached_width = 2.0 * real(model.head_dim);
  shape.decode_flop = shape.prefill_flop = 4.0 * real(model.head_dim);
  return shape;
}

double cached_bytes_per_token(const Model& model, const Serving& serving, const ServingPool& pool) {
  return attention_shape(model, serving, pool).cached_bytes_per_token() * layers_on_rank(model, pool);
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
    case Segment::kNextToken:  // trained, not served
      break;
  }
  return w.take();
}

double serving_weight_bytes(const Model& model, const Serving& serving, const ServingPool& pool) {
  const Parallelism& d = pool.parallelism;
  const double expert_layers =
      model.is_mixture_of_experts() ? real(model.num_hidden_layers - model.first_k_dense_layers) : 0.0;
  const double dense_layers = real(model.num_hidden_layers) - expert_layers;
  const double share = layers_on_rank(model, pool) / real(model.num_hidden_layers);
  const double layers = dense_layers * layer_weight_bytes(model, serving, d, false) +
                        expert_layers * layer_weight_bytes(model, serving, d, true);
  const double ends = (model.tie_word_embeddings && d.pipeline == 1 ? 1.0 : 2.0) * kServedActivationBytes *
                      real(model.vocab_size * model.hidden_size) / real(d.tensor);
  return share * layers + (d.pipeline > 1 ? ends / 2.0 : ends);
}

}  // namespace windtunnel::modeling
