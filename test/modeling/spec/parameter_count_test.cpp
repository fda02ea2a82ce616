// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/parameter_count.h"

#include "modeling/spec/data_files.h"
#include "modeling/spec/layer_pattern.h"
#include "modeling/spec/read_blocks.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

TEST_CASE("shipped shapes have the published number of parameters", "[spec][model]") {
  struct Row {
    const char* name;
    double parameters;
    double tolerance;
  };
  // Published totals, in the source of each shape or the model card; where one is rounded (47B), the tolerance is the
  // rounding. GPT-2 and GPT-3 also count biases and learned positions, below 1 % of the total.
  const Row row =
      GENERATE(Row{"llama-2-7b", 6.74e9, 1e-3}, Row{"llama-2-13b", 13.02e9, 1e-3}, Row{"llama-2-70b", 68.98e9, 1e-3},
               Row{"llama-3-8b", 8.03e9, 1e-3}, Row{"llama-3-70b", 70.6e9, 1e-3}, Row{"llama-3.1-8b", 8.03e9, 1e-3},
               Row{"llama-3.1-70b", 70.6e9, 1e-3}, Row{"llama-3.1-405b", 405.9e9, 1e-3},
               Row{"llama-3.3-70b", 70.6e9, 1e-3}, Row{"codellama-34b", 33.7e9, 2e-3}, Row{"mistral-7b", 7.24e9, 1e-3},
               Row{"mixtral-8x7b", 46.7e9, 1e-3}, Row{"mixtral-8x22b", 140.6e9, 1e-3}, Row{"qwen2-7b", 7.62e9, 1e-3},
               Row{"qwen2-72b", 72.7e9, 1e-3}, Row{"qwen3-8b", 8.19e9, 1e-3}, Row{"qwen3-14b", 14.8e9, 3e-3},
               Row{"qwen3-32b", 32.8e9, 2e-3}, Row{"qwen3-30b-a3b", 30.5e9, 2e-3}, Row{"qwen3-235b-a22b", 235e9, 1e-3},
               Row{"deepseek-v2", 236e9, 2e-3}, Row{"deepseek-v3", 671e9, 1e-3}, Row{"deepseek-r1", 671e9, 1e-3},
               Row{"kimi-k2", 1.03e12, 5e-3}, Row{"gpt-oss-20b", 20.9e9, 2e-3}, Row{"gpt-oss-120b", 116.8e9, 1e-3},
               Row{"gpt-2", 124.4e6, 1e-2}, Row{"gpt-2-medium", 355e6, 1e-2}, Row{"gpt-2-large", 774e6, 1e-2},
               Row{"gpt-2-xl", 1558e6, 1e-2}, Row{"gpt-3-175b", 174.6e9, 1e-3}, Row{"nemotron-4-15b", 15.6e9, 3e-3},
               Row{"nemotron-4-340b", 341e9, 1e-3}, Row{"grok-1", 314e9, 1e-2});
  INFO(row.name);
  CHECK(parameter_count(load_model_shape(row.name)).total() == Approx(row.parameters).epsilon(row.tolerance));
}

TEST_CASE("mixtures activate the published number of parameters per token", "[spec][model]") {
  struct Row {
    const char* name;
    double parameters;
    double tolerance;
  };
  // Publishers count with or without the input embedding, of which a token reads one row: here without, as DeepSeek,
  // Kimi and gpt-oss do (arXiv:2412.19437; model cards). Mixtral's 12.9 and Qwen3's 3.3 include it.
  const Row row =
      GENERATE(Row{"mixtral-8x7b", 12.9e9 - 0.131e9, 2e-3}, Row{"mixtral-8x22b", 39.2e9 - 0.201e9, 2e-3},
               Row{"qwen3-30b-a3b", 3.35e9 - 0.311e9, 2e-3}, Row{"qwen3-235b-a22b", 22e9, 2.5e-2},
               Row{"deepseek-v3", 37e9, 1.3e-2}, Row{"deepseek-v2", 21e9, 2e-2}, Row{"kimi-k2", 32e9, 1.5e-2},
               Row{"gpt-oss-20b", 3.6e9, 1e-2}, Row{"gpt-oss-120b", 5.1e9, 1e-2});
  INFO(row.name);
  CHECK(active_parameters(load_model_shape(row.name)) == Approx(row.parameters).epsilon(row.tolerance));
}

TEST_CASE("the count is the sum of its matrices", "[spec][model]") {
  // Two layers, hidden 8, 4 heads of 2, 2 key-value heads, MLP 16 gated, vocabulary 10, untied:
  // attention 8*8 + 2*8*4 + 8*8 = 192, MLP 3*8*16 = 384, norms 2*8 per layer and 8 at the end.
  Model model;
  model.num_hidden_layers = 2;
  model.hidden_size = 8;
  model.num_attention_heads = 4;
  model.num_key_value_heads = 2;
  model.head_dim = 2;
  model.intermediate_size = 16;
  model.vocab_size = 10;
  const ParameterCount count = parameter_count(model);
  CHECK(count.embedding == 80.0);
  CHECK(count.output == 80.0);
  CHECK(count.attention == 384.0);
  CHECK(count.mlp == 768.0);
  CHECK(count.norms == 40.0);
  CHECK(count.total() == 1352.0);
  CHECK(active_parameters(model) == count.total());
}

TEST_CASE("experts replace the dense MLP after the leading dense layers", "[spec][model]") {
  Model model = load_model_shape("deepseek-v3");
  const ParameterCount count = parameter_count(model);
  const double expert = 3.0 * 7168.0 * 2048.0;
  CHECK(count.mlp == 3.0 * 3.0 * 7168.0 * 18432.0);
  CHECK(count.experts == 58.0 * 256.0 * expert);
  CHECK(count.shared_experts == 58.0 * expert);
  CHECK(count.router == 58.0 * 256.0 * 7168.0);
}

TEST_CASE("every shipped shape is complete and called like its file", "[spec][model]") {
  for (const std::string& name : data_names("model_shapes")) {
    const Model model = load_model_shape(name);
    CHECK(model.name == name);
    CHECK(parameter_count(model).total() > 1e8);
  }
}

TEST_CASE("block-scaled formats store their scales", "[spec][precision]") {
  // OCP Microscaling Formats 1.0: one 8-bit scale per 32 elements; nvfp4: one per 16.
  CHECK(bytes_per_element(Precision::kMxfp8) == Approx((8.0 + 8.0 / 32.0) / 8.0));
  CHECK(bytes_per_element(Precision::kMxfp4) == Approx((4.0 + 8.0 / 32.0) / 8.0));
  CHECK(bytes_per_element(Precision::kNvfp4) == Approx((4.0 + 8.0 / 16.0) / 8.0));
  CHECK(bytes_per_element(Precision::kBf16) == 2.0);
  CHECK(to_string(Precision::kInt4) == "int4");
}

TEST_CASE("each layer kind has the weights of its matrices", "[spec][model]") {
  Model model;
  model.hidden_size = 16;
  model.num_attention_heads = 4;
  model.num_key_value_heads = 2;
  model.head_dim = 8;
  SECTION("a gate beside the queries") {
    model.attn_output_gate = true;  // 16 x (32 queries + 32 gate + 16 keys + 16 values + 32 output)
    CHECK(attention_parameters_per_layer(model) == 16.0 * 128.0);
  }
  SECTION("one projection for keys and values, or none") {
    model.layer.keys_are_values = true;
    CHECK(attention_parameters_per_layer(model) == 16.0 * (32.0 + 16.0 + 32.0));
    model.layer.reuses_cache = true;
    CHECK(attention_parameters_per_layer(model) == 16.0 * (32.0 + 32.0));
  }
  SECTION("gated delta net") {
    model.layer.mixer = TokenMixer::kDeltaNet;
    model.linear_num_key_heads = 2;
    model.linear_num_value_heads = 4;
    model.linear_key_head_dim = model.linear_value_head_dim = 4;
    model.linear_conv_kernel_dim = 3;
    // Queries 8, keys 8, values 16, gate 16, output 16, two numbers for each of 4 heads; convolution; gates; norm.
    CHECK(attention_parameters_per_layer(model) == 16.0 * (8 + 8 + 16 + 16 + 16 + 8) + 32.0 * 3 + 8 + 4);
    CHECK(state_bytes(model) == 4.0 * 4 * 4 * 4 + 2.0 * 32 * 2);
  }
  SECTION("Mamba-2") {
    model.layer.mixer = TokenMixer::kMamba;
    model.mamba_num_heads = 4;
    model.mamba_head_dim = 8;
    model.ssm_state_size = 2;
    model.n_groups = 1;
    model.conv_kernel = 4;
    // In: 2 x 32 + 2 x 2 + 4; convolution with bias over 36; out 32; norm 32; three a head.
    CHECK(attention_parameters_per_layer(model) == 16.0 * 72 + 36.0 * 5 + 32.0 * 16 + 32 + 12);
    CHECK(state_bytes(model) == 4.0 * 64 + 2.0 * 36 * 3);
  }
}

TEST_CASE("what a layer attends to and keeps follows from its kind", "[spec][model]") {
  CHECK(attended_sum({}, 100.0) == 5000.0);
  const LayerKind window{.window = 4096};
  // Mistral-7B with its window at 32,768 tokens: about a quarter of full attention's arithmetic.
  CHECK(attended_sum(window, 32768.0) / attended_sum({}, 32768.0) == Approx(0.234).epsilon(1e-2));
  CHECK(attended_sum(window, 4096.0) == attended_sum({}, 4096.0));
  CHECK(cached_entries(window, 1e6) == 4096.0);
  const LayerKind chunks{.chunk = 100};
  CHECK(attended_sum(chunks, 250.0) == 2 * 5000.0 + 50.0 * 25.0);
  const LayerKind picked{.index_topk = 2048};
  CHECK(attended_sum(picked, 4096.0) == 2048.0 * 1024.0 + 2048.0 * 2048.0);
  CHECK(cached_entries(picked, 1e5) == 1e5);
  const LayerKind compressed{.window = 128, .compress_ratio = 128};
  CHECK(cached_entries(compressed, 128000.0) == 1000.0 + 128.0);
  CHECK(attended_at(compressed, 128000.0) == 1000.0 + 128.0);
  CHECK(cached_entries({.mixer = TokenMixer::kMamba}, 1e6) == 0.0);
  CHECK(cached_entries({.reuses_cache = true}, 1e6) == 0.0);
}
