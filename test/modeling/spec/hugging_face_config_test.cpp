// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/hugging_face_config.h"

#include "modeling/spec/layer_pattern.h"
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
  CHECK(config_error(R"({"model_type": "mamba", )" + shape + "}") ==
        "config.json:1:16: model_type 'mamba' cannot be represented: Mamba-1 layers");
  CHECK(config_error("{" + shape + "}") == "config.json:1:1: missing key 'model_type'");
  CHECK(config_error(R"({"model_type": "qwen3", "layer_types": ["recurrent"], )" + shape + "}") ==
        "config.json:1:41: layers of type 'recurrent' cannot be represented");
  CHECK_THAT(
      config_error(R"({"model_type": "x", "layer_types": ["mamba", "mamba", "mamba", "attention"], )" + shape + "}"),
      ContainsSubstring("layers of type 'mamba' need mamba_num_heads"));
  CHECK(config_error(R"({"model_type": "llama", "num_hidden_layers": 4, "hidden_size": 64})") ==
        "config.json:1:1: missing key 'num_attention_heads'");
}

TEST_CASE("the pattern of layers is read from each family's own keys", "[spec][hugging_face]") {
  const auto kinds = [](const std::string& keys) {
    const Model model = read_hugging_face_config(YamlDocument::parse(
        R"({"num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100,
            "intermediate_size": 128, "head_dim": 16, )" +
            keys + "}",
        "config.json"));
    std::string text;
    for (const auto& [view, count] : layer_views(model))
      text += (text.empty() ? "" : "; ") + std::to_string(count) + " " + view.layer.name;
    return text;
  };
  const std::string experts = R"("num_experts": 8, "num_experts_per_tok": 2, )";
  CHECK(kinds(R"("model_type": "mistral", "sliding_window": 32)") == "4 window of 32, dense");
  CHECK(kinds(R"("model_type": "qwen2", "sliding_window": 32)") == "4 full attention, dense");
  CHECK(kinds(R"("model_type": "gemma2", "sliding_window": 32)") == "2 window of 32, dense; 2 full attention, dense");
  CHECK(kinds(experts + R"("model_type": "qwen3_moe", "decoder_sparse_step": 2)") ==
        "2 full attention, dense; 2 full attention, experts");
  CHECK(kinds(experts + R"("model_type": "qwen3_moe", "mlp_only_layers": [2])") ==
        "3 full attention, experts; 1 full attention, dense");
  CHECK(kinds(experts + R"("model_type": "llama4", "attention_chunk_size": 32)") ==
        "3 chunks of 32, experts; 1 full attention, experts");
  CHECK(kinds(experts + R"("model_type": "nemotron_h", "hybrid_override_pattern": "M*-E", "mamba_num_heads": 4,
        "mamba_head_dim": 8, "ssm_state_size": 4, "n_groups": 1, "conv_kernel": 4)") ==
        "1 Mamba-2; 1 full attention; 1 no mixer, dense; 1 no mixer, experts");
  CHECK(kinds(R"("model_type": "qwen3_next", "full_attention_interval": 4, "linear_num_key_heads": 2,
        "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8)") ==
        "3 linear attention, dense; 1 full attention, dense");
}

TEST_CASE("quantization_config sets precisions by kind of module", "[spec][hugging_face]") {
  const auto read = [](const std::string& block) {
    return read_hugging_face_config(
               YamlDocument::parse(
                   R"({"model_type": "qwen3_moe", "num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4,
            "vocab_size": 100, "intermediate_size": 128, "num_experts": 8, "num_experts_per_tok": 2,
            "quantization_config": )" +
                       block + "}",
                   "config.json"))
        .checkpoint;
  };
  CHECK(read(R"({"quant_method": "fp8", "weight_block_size": [128, 128]})").attention == Precision::kFp8);
  const auto mx = read(R"({"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]})");
  CHECK(mx.experts == Precision::kMxfp4);
  CHECK(mx.attention == Precision::kBf16);
  const auto packed = read(R"({"quant_method": "compressed-tensors", "ignore": ["lm_head", "re:.*self_attn.*"],
      "config_groups": {"group_0": {"input_activations": null,
        "weights": {"num_bits": 4, "type": "int", "group_size": 32}}}})");
  CHECK(packed.experts == Precision::kInt4);
  CHECK(packed.attention == Precision::kBf16);
  CHECK(packed.quantised_bits == 4.5);
  CHECK(read(R"({"quant_method": "awq", "bits": 4, "group_size": 128})").weights == Precision::kInt4);
  CHECK(read(R"({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"})").kv_cache ==
        Precision::kFp8);
}
