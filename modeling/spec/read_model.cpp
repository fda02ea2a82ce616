// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

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
  read_size(block, "vocab_size", model.vocab_size);
  read_optional_size(block, "num_nextn_predict_layers", model.num_nextn_predict_layers);
  model.tie_word_embeddings = block.boolean("tie_word_embeddings", model.tie_word_embeddings);
  block.finish();
  return completed_model(model, [&](std::string_view key) { return block.location_of(key); });
}

Model shipped_shape(const YamlValue& name) {
  const std::string text = name.text();
  if (find_data_file("model_shapes", text)) return load_model_shape(text);
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
  const auto file = find_data_file("model_shapes", name);
  if (!file) throw SpecError({name, 0, 0}, "unknown model" + suggestion(name, data_names("model_shapes")));
  static RememberedFiles<Model> shapes;
  return *shapes.get(file->string(), read_shape_file);
}

}  // namespace windtunnel::modeling
