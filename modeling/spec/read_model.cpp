// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "modeling/spec/complete_model.h"
#include "modeling/spec/data_files.h"
#include "modeling/spec/hugging_face_config.h"
#include "modeling/spec/read_blocks.h"
#include "modeling/spec/remembered_files.h"

namespace windtunnel::modeling {
namespace {

// No layer count, width or vocabulary comes near; a product of three still fits a double exactly enough.
constexpr Count kLargestShape = 100'000'000;

// A key of the shape: what stands in the block, else what the base shape says, else an error.
void read_size(YamlReader& block, const char* key, Count& size) {
  size = size > 0 ? block.count(key, 1, kLargestShape, size) : block.count(key, 1, kLargestShape);
}

// The same for a key whose absence means 0: "the default", "dense", "no latent attention".
void read_optional_size(YamlReader& block, const char* key, Count& size) {
  size = block.count(key, 0, kLargestShape, size);
}

void read_attention(YamlReader& block, Model& model) {
  read_size(block, "num_attention_heads", model.num_attention_heads);
  read_optional_size(block, "num_key_value_heads", model.num_key_value_heads);
  read_optional_size(block, "head_dim", model.head_dim);
  read_optional_size(block, "q_lora_rank", model.q_lora_rank);
  read_optional_size(block, "kv_lora_rank", model.kv_lora_rank);
  read_optional_size(block, "qk_nope_head_dim", model.qk_nope_head_dim);
  read_optional_size(block, "qk_rope_head_dim", model.qk_rope_head_dim);
  read_optional_size(block, "v_head_dim", model.v_head_dim);
}

void read_texts(YamlReader& block, const char* key, std::vector<std::string>& texts) {
  const auto value = block.find(key);
  if (!value) return;
  texts.clear();
  for (const YamlValue& item : value->list()) texts.push_back(item.text());
}

void read_pattern(YamlReader& block, Model& model) {
  read_texts(block, "layer_types", model.layer_types);
  read_texts(block, "mlp_layer_types", model.mlp_layer_types);
  model.attn_output_gate = block.boolean("attn_output_gate", model.attn_output_gate);
  read_optional_size(block, "sliding_window", model.sliding_window);
  read_optional_size(block, "attention_chunk_size", model.attention_chunk_size);
  read_optional_size(block, "global_head_dim", model.global_head_dim);
  read_optional_size(block, "num_global_key_value_heads", model.num_global_key_value_heads);
  read_optional_size(block, "num_kv_shared_layers", model.num_kv_shared_layers);
  read_optional_size(block, "linear_num_key_heads", model.linear_num_key_heads);
  read_optional_size(block, "linear_num_value_heads", model.linear_num_value_heads);
  read_optional_size(block, "linear_key_head_dim", model.linear_key_head_dim);
  read_optional_size(block, "linear_value_head_dim", model.linear_value_head_dim);
  read_optional_size(block, "linear_conv_kernel_dim", model.linear_conv_kernel_dim);
  read_optional_size(block, "mamba_num_heads", model.mamba_num_heads);
  read_optional_size(block, "mamba_head_dim", model.mamba_head_dim);
  read_optional_size(block, "ssm_state_size", model.ssm_state_size);
  read_optional_size(block, "n_groups", model.n_groups);
  read_optional_size(block, "conv_kernel", model.conv_kernel);
  read_optional_size(block, "index_n_heads", model.index_n_heads);
  read_optional_size(block, "index_head_dim", model.index_head_dim);
  read_optional_size(block, "index_topk", model.index_topk);
  read_optional_size(block, "moe_latent_size", model.moe_latent_size);
  read_optional_size(block, "shared_expert_intermediate_size", model.shared_expert_intermediate_size);
}

void read_mlp(YamlReader& block, Model& model) {
  read_optional_size(block, "num_experts", model.num_experts);
  read_optional_size(block, "num_experts_per_tok", model.num_experts_per_tok);
  read_optional_size(block, "moe_intermediate_size", model.moe_intermediate_size);
  read_optional_size(block, "num_shared_experts", model.num_shared_experts);
  read_optional_size(block, "first_k_dense_layers", model.first_k_dense_layers);
  if (model.is_mixture_of_experts()) {  // a pure mixture has no dense layer
    read_optional_size(block, "intermediate_size", model.intermediate_size);
  } else {
    read_size(block, "intermediate_size", model.intermediate_size);
  }
  model.gated_mlp = block.boolean("gated_mlp", model.gated_mlp);
}

// The keys of the block on top of a base shape; an empty base makes them required.
Model read_shape(YamlReader& block, Model model) {
  read_size(block, "num_hidden_layers", model.num_hidden_layers);
  read_size(block, "hidden_size", model.hidden_size);
  read_attention(block, model);
  read_mlp(block, model);
  read_pattern(block, model);
  read_size(block, "vocab_size", model.vocab_size);
  read_optional_size(block, "num_nextn_predict_layers", model.num_nextn_predict_layers);
  model.tie_word_embeddings = block.boolean("tie_word_embeddings", model.tie_word_embeddings);
  block.finish();
  return completed_model(model, [&](std::string_view key) { return block.location_of(key); });
}

/// The hub's names (`Qwen/Qwen3-32B`, `meta-llama/Meta-Llama-3.1-8B-Instruct`) are those of the shapes with an owner
/// before and, of tuned variants of one shape, a word behind.
std::optional<std::filesystem::path> find_shape(const std::string& name) {
  if (name.find('/') == std::string::npos) return find_data_file("model_shapes", name);
  std::string own = name.substr(name.rfind('/') + 1);
  std::transform(own.begin(), own.end(), own.begin(), [](unsigned char c) { return std::tolower(c); });
  if (own.starts_with("meta-")) own = own.substr(5);
  if (const auto file = find_data_file("model_shapes", own)) return file;
  for (const char* tail : {"-hf", "-instruct", "-chat", "-chat-hf", "-base", "-v0.1", "-instruct-v0.1",
                           "-thinking-2507", "-instruct-2507", "-it"}) {
    const std::string text = tail;
    if (!own.ends_with(text)) continue;
    if (const auto file = find_data_file("model_shapes", own.substr(0, own.size() - text.size()))) return file;
  }
  return std::nullopt;
}

Model shipped_shape(const YamlValue& name) {
  const std::string text = name.text();
  if (find_shape(text)) return load_model_shape(text);
  name.fail(fmt::format("unknown model {}{}", in_quotes(text), suggestion(text, data_names("model_shapes"))));
}

Model base_shape(YamlReader& block) {
  const auto name = block.find("name");
  const auto config = block.find("config");
  if (name && config) config->fail("'name' and 'config' both give the shape, expected one of them");
  if (config) {
    static RememberedFiles<Model> configs;
    return *configs.get(resolved_path(*config), load_hugging_face_config);
  }
  return name ? shipped_shape(*name) : Model{};
}

Model read_shape_file(const std::string& file) {
  YamlReader block = YamlDocument::load(file).root().map();
  Model model;
  model.name = block.text("name");
  block.text("source");
  return read_shape(block, model);
}

}  // namespace

Model read_model(YamlReader block) {
  return read_shape(block, base_shape(block));
}

Model load_model_shape(const std::string& name) {
  const auto file = find_shape(name);
  if (!file) throw SpecError({name, 0, 0}, "unknown model" + suggestion(name, data_names("model_shapes")));
  static RememberedFiles<Model> shapes;
  return *shapes.get(file->string(), read_shape_file);
}

}  // namespace windtunnel::modeling
