// SPDX-License-Identifier: Apache-2.0
// JSON is read through the YAML door: it is nearly a subset, and the limits and locations come for free.
#include "modeling/spec/hugging_face_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "modeling/spec/complete_model.h"
#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {
namespace {

using KeyNames = std::initializer_list<const char*>;

constexpr Count kLargest = 100'000'000;

/// What a model_type implies beyond its numbers.
struct Architecture {
  std::string model_type;
  bool gated_mlp = true;
  /// Hugging Face's default when the file does not say.
  bool tie_word_embeddings = false;
};

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> known = {
      {"llama", true, false},       {"mistral", true, false},     {"mistral3", true, false},
      {"ministral", true, false},   {"mixtral", true, false},     {"qwen2", true, false},
      {"qwen2_moe", true, false},   {"qwen2_5_vl", true, false},  {"qwen3", true, false},
      {"qwen3_moe", true, false},   {"qwen3_vl", true, false},    {"qwen3_vl_moe", true, false},
      {"deepseek_v2", true, false}, {"deepseek_v3", true, false}, {"kimi_k2", true, false},
      {"gpt_oss", true, false},     {"glm4_moe", true, false},    {"nemotron", false, false},
      {"gpt2", false, true}};
  return known;
}

/// One level of the file with its aliases.
class Config {
 public:
  explicit Config(YamlReader map) : map_(std::move(map)) {}

  /// The first of the names that is there and not null.
  std::optional<YamlValue> find(KeyNames names) {
    for (const char* name : names) {
      const auto value = map_.find(name);
      if (value && !value->is_null()) return value;
    }
    return std::nullopt;
  }

  Count count(KeyNames names) {
    const auto value = find(names);
    if (!value) throw SpecError(map_.location(), fmt::format("missing key '{}'", *names.begin()));
    return value->count(1, kLargest);
  }

  Count count(KeyNames names, Count otherwise) {
    const auto value = find(names);
    return value ? value->count(0, kLargest) : otherwise;
  }

  bool boolean(const char* name, bool otherwise) {
    const auto value = find({name});
    return value ? value->boolean() : otherwise;
  }

  SourceLocation location_of(std::string_view key) const { return map_.location_of(key); }

 private:
  YamlReader map_;
};

std::string without_text_suffix(const std::string& type) {
  const std::string suffix = "_text";
  const bool has = type.size() > suffix.size() && type.compare(type.size() - suffix.size(), suffix.size(), suffix) == 0;
  return has ? type.substr(0, type.size() - suffix.size()) : type;
}

const Architecture& architecture_of(const YamlValue& model_type) {
  const std::string type = without_text_suffix(model_type.text());
  std::vector<std::string> names;
  for (const Architecture& known : architectures()) {
    if (known.model_type == type) return known;
    names.push_back(known.model_type);
  }
  model_type.fail(
      fmt::format("model_type {} cannot be represented, expected one of {}", in_quotes(type), joined(names)));
}

void read_attention(Config& config, Model& model) {
  model.num_hidden_layers = config.count({"num_hidden_layers", "n_layer"});
  model.hidden_size = config.count({"hidden_size", "n_embd"});
  model.num_attention_heads = config.count({"num_attention_heads", "n_head"});
  model.num_key_value_heads = config.count({"num_key_value_heads"}, model.num_attention_heads);
  model.head_dim = config.count({"head_dim"}, 0);
  model.q_lora_rank = config.count({"q_lora_rank"}, 0);
  model.kv_lora_rank = config.count({"kv_lora_rank"}, 0);
  if (!model.has_latent_attention()) return;
  model.qk_nope_head_dim = config.count({"qk_nope_head_dim"});
  model.qk_rope_head_dim = config.count({"qk_rope_head_dim"});
  model.v_head_dim = config.count({"v_head_dim"});
}

// Layers that are neither full nor sliding-window attention (state-space, linear) have other costs.
void reject_other_layers(Config& config) {
  const auto layers = config.find({"layer_types", "layers_block_type"});
  if (!layers) return;
  for (const YamlValue& layer : layers->list()) {
    const std::string type = layer.text();
    const bool attention = type == "full_attention" || type == "sliding_attention" || type == "attention";
    if (!attention) layer.fail(fmt::format("layers of type {} cannot be represented", in_quotes(type)));
  }
}

void require_experts_in_every_layer(Config& config) {
  if (const auto step = config.find({"decoder_sparse_step", "moe_layer_freq", "interleave_moe_layer_step"})) {
    if (step->is_scalar() && step->count(0, kLargest) != 1)
      step->fail("experts in only some layers cannot be represented");
  }
}

// `mlp_only_layers` lists the dense layers; only 0, 1 .. k-1 can be represented.
Count leading_dense_layers(Config& config) {
  const auto listed = config.find({"mlp_only_layers"});
  if (!listed) return config.count({"first_k_dense_replace"}, 0);
  const std::vector<YamlValue> layers = listed->list();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].count(0, kLargest) != static_cast<Count>(i)) {
      layers[i].fail("dense layers after the first expert layer cannot be represented");
    }
  }
  return static_cast<Count>(layers.size());
}

// Some files give the number of shared experts, some their joint width.
Count shared_experts(Config& config, const Model& model) {
  const auto width = config.find({"shared_expert_intermediate_size"});
  if (!width) return config.count({"n_shared_experts", "num_shared_experts", "moe_num_shared_experts"}, 0);
  const Count size = width->count(0, kLargest);
  if (size % model.moe_intermediate_size != 0) {
    width->fail(fmt::format("shared experts of width {} beside experts of width {} cannot be represented", size,
                            model.moe_intermediate_size));
  }
  return size / model.moe_intermediate_size;
}

void read_experts(Config& config, Model& model) {
  model.num_experts = config.count({"n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts"}, 0);
  if (!model.is_mixture_of_experts()) return;
  require_experts_in_every_layer(config);
  model.num_experts_per_tok =
      config.count({"num_experts_per_tok", "experts_per_token", "top_k_experts", "moe_top_k", "num_experts_per_token"});
  model.moe_intermediate_size = config.count({"moe_intermediate_size"}, model.intermediate_size);
  model.first_k_dense_layers = leading_dense_layers(config);
  model.num_shared_experts = shared_experts(config, model);
}

// GPT-2 leaves the width out when it is four times the hidden size.
Count intermediate_size(Config& config, const Architecture& architecture, Count hidden_size) {
  const Count otherwise = architecture.model_type == "gpt2" ? 4 * hidden_size : 0;
  return config.count({"intermediate_size", "n_inner"}, otherwise);
}

Model read_language_model(Config config, const Architecture& architecture) {
  Model model;
  read_attention(config, model);
  reject_other_layers(config);
  model.intermediate_size = intermediate_size(config, architecture, model.hidden_size);
  read_experts(config, model);
  if (!model.is_mixture_of_experts() && model.intermediate_size == 0) config.count({"intermediate_size"});
  model.vocab_size = config.count({"vocab_size"});
  model.num_nextn_predict_layers = config.count({"num_nextn_predict_layers"}, 0);
  model.gated_mlp = architecture.gated_mlp;
  model.tie_word_embeddings = config.boolean("tie_word_embeddings", architecture.tie_word_embeddings);
  return completed_model(model, [&](std::string_view key) { return config.location_of(key); });
}

// Multimodal files nest the language model.
YamlReader language_model_map(const YamlDocument& document) {
  YamlReader top = document.root().map();
  if (top.has("num_hidden_layers") || top.has("n_layer")) return top;
  const auto nested = top.find("text_config");
  return nested ? nested->map() : top;
}

YamlValue model_type(const YamlDocument& document, YamlReader language_model) {
  const auto nested = language_model.find("model_type");
  return nested ? *nested : document.root().map().require("model_type");
}

}  // namespace

Model read_hugging_face_config(const YamlDocument& document) {
  const YamlReader map = language_model_map(document);
  const Architecture& architecture = architecture_of(model_type(document, map));
  Model model = read_language_model(Config(map), architecture);
  model.name = document.file();
  return model;
}

Model load_hugging_face_config(const std::string& file) {
  return read_hugging_face_config(YamlDocument::load(file));
}

}  // namespace windtunnel::modeling
