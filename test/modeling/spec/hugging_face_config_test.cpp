// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/hugging_face_config.h"

#include "modeling/spec/parameter_count.h"
#include "modeling/spec/read_blocks.h"
#include "modeling/spec/read_spec.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

std::string data(const std::string& name) {
  return WINDTUNNEL_SOURCE_DIR "/test/modeling/spec/data/" + name;
}

std::string config_error(const std::string& json) {
  try {
    read_hugging_face_config(YamlDocument::parse(json, "config.json"));
  } catch (const SpecError& error) {
    return error.what();
  }
  return "no error";
}

void check_same_shape(const Model& a, const Model& b) {
  CHECK(a.num_hidden_layers == b.num_hidden_layers);
  CHECK(a.hidden_size == b.hidden_size);
  CHECK(a.num_attention_heads == b.num_attention_heads);
  CHECK(a.num_key_value_heads == b.num_key_value_heads);
  CHECK(a.head_dim == b.head_dim);
  CHECK(a.vocab_size == b.vocab_size);
  CHECK(a.gated_mlp == b.gated_mlp);
  CHECK(a.tie_word_embeddings == b.tie_word_embeddings);
  CHECK(a.num_experts == b.num_experts);
  CHECK(a.num_experts_per_tok == b.num_experts_per_tok);
  CHECK(a.moe_intermediate_size == b.moe_intermediate_size);
  CHECK(a.num_shared_experts == b.num_shared_experts);
  CHECK(a.first_k_dense_layers == b.first_k_dense_layers);
  CHECK(a.kv_lora_rank == b.kv_lora_rank);
  CHECK(parameter_count(a).total() == parameter_count(b).total());
}

}  // namespace

TEST_CASE("config.json files give the shapes that ship under the models' names", "[spec][hugging_face]") {
  const auto [file, name] = GENERATE(table<const char*, const char*>({{"llama-3.1-8b.json", "llama-3.1-8b"},
                                                                      {"qwen2-7b.json", "qwen2-7b"},
                                                                      {"qwen3-8b.json", "qwen3-8b"},
                                                                      {"qwen3-30b-a3b.json", "qwen3-30b-a3b"},
                                                                      {"mixtral-8x7b.json", "mixtral-8x7b"},
                                                                      {"deepseek-v3.json", "deepseek-v3"},
                                                                      {"gpt-oss-120b.json", "gpt-oss-120b"},
                                                                      {"gpt2.json", "gpt-2"}}));
  INFO(file);
  check_same_shape(load_hugging_face_config(data(file)), load_model_shape(name));
}

TEST_CASE("a nested language model is found", "[spec][hugging_face]") {
  const Model model = read_hugging_face_config(YamlDocument::parse(
      R"({"model_type": "mistral3", "vision_config": {"hidden_size": 1},
          "text_config": {"model_type": "mistral", "num_hidden_layers": 40, "hidden_size": 5120,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 32768,
            "vocab_size": 131072}})",
      "config.json"));
  CHECK(model.num_hidden_layers == 40);
  CHECK(model.hidden_size == 5120);
}

TEST_CASE("tabs and escaped slashes of JSON are read", "[spec][hugging_face]") {
  const Model model = read_hugging_face_config(YamlDocument::parse(
      "{\n\t\"model_type\":\"llama\",\n\t\"_name_or_path\": \"a\\/b\",\n\t\"num_hidden_layers\":2,\"hidden_size\":8,\n"
      "\t\"num_attention_heads\":4,\"intermediate_size\":16,\"vocab_size\":10,\"head_dim\":null\n}\n",
      "config.json"));
  CHECK(model.head_dim == 2);
  CHECK(model.num_key_value_heads == 4);
}

TEST_CASE("architectures that cannot be represented are named, not guessed", "[spec][hugging_face]") {
  const std::string shape =
      R"("num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100, "intermediate_size": 128)";
  CHECK_THAT(config_error(R"({"model_type": "mamba", )" + shape + "}"),
             ContainsSubstring("config.json:1:16: model_type 'mamba' cannot be represented, expected one of llama, "));
  CHECK(config_error("{" + shape + "}") == "config.json:1:1: missing key 'model_type'");
  CHECK(config_error(R"({"model_type": "qwen3", "layer_types": ["linear_attention"], )" + shape + "}") ==
        "config.json:1:41: layers of type 'linear_attention' cannot be represented");
  CHECK(config_error(R"({"model_type": "qwen3_moe", "num_experts": 8, "decoder_sparse_step": 2, )" + shape + "}") ==
        "config.json:1:70: experts in only some layers cannot be represented");
  CHECK(config_error(
            R"({"model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "mlp_only_layers": [2], )" +
            shape + "}") == "config.json:1:93: dense layers after the first expert layer cannot be represented");
  CHECK(config_error(R"({"model_type": "qwen2_moe", "num_experts": 8, "num_experts_per_tok": 2, )"
                     R"("moe_intermediate_size": 32, "shared_expert_intermediate_size": 40, )" +
                     shape + "}") ==
        "config.json:1:137: shared experts of width 40 beside experts of width 32 cannot be represented");
  CHECK(config_error(R"({"model_type": "llama", "num_hidden_layers": 4, "hidden_size": 64})") ==
        "config.json:1:1: missing key 'num_attention_heads'");
}
