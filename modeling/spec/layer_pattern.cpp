// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/layer_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {
namespace {

double as_double(Count count) {
  return static_cast<double>(count);
}

bool has_pattern(const Model& model) {
  return !model.layer_types.empty() || !model.mlp_layer_types.empty() || !model.compress_ratios.empty() ||
         !model.layer_intermediate_sizes.empty() || !model.layer_key_value_heads.empty() || model.sliding_window > 0 ||
         model.attention_chunk_size > 0 || model.index_topk > 0 || model.num_kv_shared_layers > 0;
}

void check_length(std::size_t length, const Model& model, const char* key, const LocateKey& locate) {
  if (length == 0 || length == static_cast<std::size_t>(model.num_hidden_layers)) return;
  throw SpecError(locate(key),
                  fmt::format("{} names {} layers, num_hidden_layers is {}", key, length, model.num_hidden_layers));
}

void need(Count value, const char* key, const char* layer, const LocateKey& locate) {
  if (value > 0) return;
  throw SpecError(locate(key), fmt::format("layers of type '{}' need {}", layer, key));
}

/// Widths of one layer of attention that attends to a window or to all.
void set_widths(LayerKind& kind, const Model& model, bool slides) {
  if (slides) {
    kind.num_key_value_heads = model.swa_num_key_value_heads;
    kind.head_dim = model.swa_head_dim;
    kind.v_head_dim = model.swa_v_head_dim;
    return;
  }
  kind.num_key_value_heads = model.num_global_key_value_heads;
  kind.head_dim = model.global_head_dim;
  kind.keys_are_values = model.attention_k_eq_v;
}

void set_mixer(LayerKind& kind, const Model& model, const std::string& type, const LocateKey& locate) {
  const auto takes = [&](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(), [&](const char* name) { return type == name; });
  };
  if (takes({"full_attention", "attention", "global_attention"})) {
    set_widths(kind, model, false);
    kind.index_topk = model.index_topk;
    kind.name = model.index_topk > 0 ? "sparse attention" : "full attention";
  } else if (takes({"sliding_attention", "local_attention", "sliding_window"})) {
    need(model.sliding_window, "sliding_window", "sliding_attention", locate);
    set_widths(kind, model, true);
    kind.window = model.sliding_window;
    kind.name = fmt::format("window of {}", kind.window);
  } else if (takes({"chunked_attention"})) {
    need(model.attention_chunk_size, "attention_chunk_size", "chunked_attention", locate);
    kind.chunk = model.attention_chunk_size;
    kind.name = fmt::format("chunks of {}", kind.chunk);
  } else if (takes({"linear_attention", "gated_delta_net", "kda"})) {
    need(model.linear_num_value_heads, "linear_num_value_heads", "linear_attention", locate);
    need(model.linear_num_key_heads, "linear_num_key_heads", "linear_attention", locate);
    need(model.linear_key_head_dim, "linear_key_head_dim", "linear_attention", locate);
    need(model.linear_value_head_dim, "linear_value_head_dim", "linear_attention", locate);
    kind.mixer = TokenMixer::kDeltaNet;
    kind.name = "linear attention";
  } else if (takes({"mamba", "mamba2"})) {
    need(model.mamba_num_heads, "mamba_num_heads", "mamba", locate);
    need(model.mamba_head_dim, "mamba_head_dim", "mamba", locate);
    need(model.ssm_state_size, "ssm_state_size", "mamba", locate);
    kind.mixer = TokenMixer::kMamba;
    kind.name = "Mamba-2";
  } else if (takes({"conv", "short_conv"})) {
    kind.mixer = TokenMixer::kConvolution;
    kind.name = "short convolution";
  } else if (takes({"none", "mlp", "moe"})) {
    kind.mixer = TokenMixer::kNone;
    kind.name = "no mixer";
  } else {
    throw SpecError(locate("layer_types"),
                    fmt::format("layers of type {} cannot be represented, expected one of full_attention, "
                                "sliding_attention, chunked_attention, linear_attention, mamba, conv, none",
                                in_quotes(type)));
  }
}

/// DeepSeek-V4: every layer has a window of whole tokens; beside it one entry for so many tokens, of which an indexer
/// picks some when they are many (ratio 4), or all (ratio 128).
void set_compression(LayerKind& kind, const Model& model, Count ratio, const LocateKey& locate) {
  need(model.sliding_window, "sliding_window", "compressed_attention", locate);
  kind.window = model.sliding_window;
  kind.compress_ratio = ratio;
  kind.index_topk = ratio > 0 && ratio <= 16 ? model.index_topk : 0;
  kind.name = ratio > 0 ? fmt::format("compressed {} to 1 beside a window of {}", ratio, kind.window)
                        : fmt::format("window of {}", kind.window);
}

std::string default_type(const Model& model) {
  if (model.sliding_window > 0 && model.compress_ratios.empty()) return "sliding_attention";
  if (model.attention_chunk_size > 0) return "chunked_attention";
  return "full_attention";
}

void set_feed_forward(LayerKind& kind, const Model& model, std::size_t layer, const LocateKey& locate) {
  std::string type =
      static_cast<Count>(layer) < model.first_k_dense_layers || !model.is_mixture_of_experts() ? "dense" : "sparse";
  if (!model.mlp_layer_types.empty()) type = model.mlp_layer_types[layer];
  if (type == "sparse" || type == "moe") {
    if (!model.is_mixture_of_experts()) throw SpecError(locate("mlp_layer_types"), "sparse layers need num_experts");
    kind.feed_forward = FeedForward::kExperts;
    kind.name += ", experts";
  } else if (type == "none") {
    kind.feed_forward = FeedForward::kNone;
  } else if (type == "dense" || type == "mlp") {
    kind.feed_forward = FeedForward::kDense;
    if (!model.layer_intermediate_sizes.empty()) kind.intermediate_size = model.layer_intermediate_sizes[layer];
    if (kind.intermediate_size == 0 && model.intermediate_size == 0)
      throw SpecError(locate("mlp_layer_types"), "dense layers need intermediate_size");
    kind.name += ", dense";
  } else {
    throw SpecError(locate("mlp_layer_types"),
                    fmt::format("feed-forward of type {} cannot be represented, expected one of dense, sparse, none",
                                in_quotes(type)));
  }
}

LayerKind kind_of_layer(const Model& model, std::size_t layer, const LocateKey& locate) {
  LayerKind kind;
  const std::string type = model.layer_types.empty() ? default_type(model) : model.layer_types[layer];
  if (model.compress_ratios.empty()) {
    set_mixer(kind, model, type, locate);
  } else {
    set_compression(kind, model, model.compress_ratios[layer], locate);
  }
  if (!model.layer_key_value_heads.empty() && kind.mixer == TokenMixer::kAttention)
    kind.num_key_value_heads = model.layer_key_value_heads[layer];
  const bool shares = model.num_kv_shared_layers > 0 &&
                      static_cast<Count>(layer) >= model.num_hidden_layers - model.num_kv_shared_layers;
  if (shares && kind.mixer == TokenMixer::kAttention) {
    kind.reuses_cache = true;
    kind.name += ", shared keys and values";
  }
  set_feed_forward(kind, model, layer, locate);
  return kind;
}

LayerKind uniform_kind(FeedForward feed_forward) {
  LayerKind kind;
  kind.feed_forward = feed_forward;
  kind.name = feed_forward == FeedForward::kExperts ? "full attention, experts" : "full attention, dense";
  return kind;
}

Count dense_layers(const Model& model) {
  return model.is_mixture_of_experts() ? model.first_k_dense_layers : model.num_hidden_layers;
}

}  // namespace

void complete_layer_pattern(Model& model, const LocateKey& locate) {
  model.layer_kinds.clear();
  model.layer_pattern.clear();
  if (!has_pattern(model)) return;
  check_length(model.layer_types.size(), model, "layer_types", locate);
  check_length(model.mlp_layer_types.size(), model, "mlp_layer_types", locate);
  check_length(model.compress_ratios.size(), model, "compress_ratios", locate);
  check_length(model.layer_intermediate_sizes.size(), model, "intermediate_size", locate);
  check_length(model.layer_key_value_heads.size(), model, "num_key_value_heads", locate);
  if (model.index_topk > 0) {
    need(model.index_n_heads, "index_n_heads", "sparse attention", locate);
    need(model.index_head_dim, "index_head_dim", "sparse attention", locate);
  }
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(model.num_hidden_layers); ++layer) {
    const LayerKind kind = kind_of_layer(model, layer, locate);
    const auto known = std::find(model.layer_kinds.begin(), model.layer_kinds.end(), kind);
    model.layer_pattern.push_back(static_cast<int>(known - model.layer_kinds.begin()));
    if (known == model.layer_kinds.end()) model.layer_kinds.push_back(kind);
  }
}

Model layer_view(const Model& model, const LayerKind& kind) {
  Model view = model;
  view.layer_types.clear();
  view.mlp_layer_types.clear();
  view.compress_ratios.clear();
  view.layer_intermediate_sizes.clear();
  view.layer_key_value_heads.clear();
  view.layer_kinds.clear();
  view.layer_pattern.clear();
  view.layer = kind;
  if (kind.num_key_value_heads > 0) view.num_key_value_heads = kind.num_key_value_heads;
  if (kind.head_dim > 0) view.head_dim = kind.head_dim;
  if (kind.v_head_dim > 0) view.v_head_dim = kind.v_head_dim;
  if (kind.intermediate_size > 0) view.intermediate_size = kind.intermediate_size;
  return view;
}

std::vector<LayerKind> kinds_of(const Model& model) {
  if (!model.layer_kinds.empty()) return model.layer_kinds;
  std::vector<LayerKind> kinds;
  if (dense_layers(model) > 0) kinds.push_back(uniform_kind(FeedForward::kDense));
  if (model.num_hidden_layers > dense_layers(model)) kinds.push_back(uniform_kind(FeedForward::kExperts));
  return kinds;
}

std::vector<int> pattern_of(const Model& model) {
  if (!model.layer_pattern.empty()) return model.layer_pattern;
  std::vector<int> pattern(static_cast<std::size_t>(model.num_hidden_layers), 0);
  const auto dense = static_cast<std::size_t>(dense_layers(model));
  if (dense > 0)
    for (std::size_t layer = dense; layer < pattern.size(); ++layer) pattern[layer] = 1;
  return pattern;
}

std::vector<CountedLayer> layer_views(const Model& model) {
  const std::vector<LayerKind> kinds = kinds_of(model);
  std::vector<CountedLayer> views;
  for (const LayerKind& kind : kinds) views.push_back({layer_view(model, kind), 0});
  for (const int kind : pattern_of(model)) ++views[static_cast<std::size_t>(kind)].count;
  return views;
}

Model prediction_view(const Model& model) {
  const std::vector<LayerKind> kinds = kinds_of(model);
  LayerKind kind = uniform_kind(FeedForward::kDense);
  for (const LayerKind& one : kinds) {
    if (one.mixer == TokenMixer::kAttention) kind = one;
  }
  kind.reuses_cache = false;
  kind.feed_forward = model.is_mixture_of_experts() ? FeedForward::kExperts : FeedForward::kDense;
  return layer_view(model, kind);
}

double attended_at(const LayerKind& layer, double position) {
  if (layer.compress_ratio > 0) {
    const double compressed = position / as_double(layer.compress_ratio);
    const double picked = layer.index_topk > 0 ? std::min(compressed, as_double(layer.index_topk)) : compressed;
    return picked + std::min(position, as_double(layer.window));
  }
  if (layer.index_topk > 0) return std::min(position, as_double(layer.index_topk));
  if (layer.window > 0) return std::min(position, as_double(layer.window));
  // Within a piece of c tokens a token attends to c / 2 on average; before the first piece ends, to all before it.
  if (layer.chunk > 0) return position <= as_double(layer.chunk) ? position : as_double(layer.chunk) / 2.0;
  return position;
}

double attended_sum(const LayerKind& layer, double tokens) {
  const auto limited = [tokens](double limit) {
    return tokens <= limit ? tokens * tokens / 2.0 : limit * limit / 2.0 + limit * (tokens - limit);
  };
  if (layer.compress_ratio > 0) {
    const double ratio = as_double(layer.compress_ratio);
    const double compressed =
        layer.index_topk > 0 ? limited(as_double(layer.index_topk) * ratio) / ratio : tokens * tokens / (2.0 * ratio);
    return compressed + limited(as_double(layer.window));
  }
  if (layer.index_topk > 0) return limited(as_double(layer.index_topk));
  if (layer.window > 0) return limited(as_double(layer.window));
  if (layer.chunk > 0) {
    const double chunk = as_double(layer.chunk);
    const double whole = std::floor(tokens / chunk);
    const double rest = tokens - whole * chunk;
    return whole * chunk * chunk / 2.0 + rest * rest / 2.0;
  }
  return tokens * tokens / 2.0;
}

double cached_entries(const LayerKind& layer, double tokens) {
  if (layer.mixer != TokenMixer::kAttention || layer.reuses_cache) return 0.0;
  if (layer.compress_ratio > 0)
    return tokens / as_double(layer.compress_ratio) + std::min(tokens, as_double(layer.window));
  if (layer.window > 0) return std::min(tokens, as_double(layer.window));
  if (layer.chunk > 0) return std::min(tokens, as_double(layer.chunk));
  return tokens;
}

namespace {

constexpr double kStateBytes = 4.0;
constexpr double kConvolutionBytes = 2.0;

double recurrent_values(const Model& view) {
  if (view.layer.mixer == TokenMixer::kDeltaNet)
    return as_double(view.linear_num_value_heads * view.linear_key_head_dim * view.linear_value_head_dim);
  if (view.layer.mixer == TokenMixer::kMamba)
    return as_double(view.mamba_num_heads * view.mamba_head_dim * view.ssm_state_size);
  return 0.0;
}

/// The last inputs of the convolution, one less than its width.
double convolution_values(const Model& view) {
  const auto kept = [](Count width) { return as_double(std::max<Count>(width - 1, 0)); };
  switch (view.layer.mixer) {
    case TokenMixer::kDeltaNet:
      return as_double(2 * view.linear_num_key_heads * view.linear_key_head_dim +
                       view.linear_num_value_heads * view.linear_value_head_dim) *
             kept(view.linear_conv_kernel_dim);
    case TokenMixer::kMamba:
      return as_double(view.mamba_num_heads * view.mamba_head_dim + 2 * view.n_groups * view.ssm_state_size) *
             kept(view.conv_kernel);
    case TokenMixer::kConvolution:
      return as_double(view.hidden_size) * kept(view.conv_kernel);
    default:
      return 0.0;
  }
}

}  // namespace

double state_bytes(const Model& view) {
  return kStateBytes * recurrent_values(view) + kConvolutionBytes * convolution_values(view);
}

double recurrence_flop(const Model& view) {
  return 6.0 * recurrent_values(view) + 2.0 * convolution_values(view);
}

}  // namespace windtunnel::modeling
