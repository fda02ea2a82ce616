// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/serving_iteration.h"

#include <cmath>

#include "modeling/cluster/serving_engine.h"
#include "modeling/costs/engine_all_reduce.h"
#include "modeling/costs/serving_attention.h"
#include "modeling/spec/parameter_count.h"
#include "modeling/spec/read_blocks.h"
#include "modeling/spec/spec_error.h"
#include "modeling/workload/serving_layer.h"
#include "test/catch.h"
#include "test/modeling/small_profile.h"

using namespace windtunnel::modeling;

namespace {

Machine machine_of(const std::string& device, const std::string& software = "") {
  std::vector<std::string> warnings;
  Cluster cluster;
  cluster.device = device;
  cluster.software = software;
  return load_machine(cluster, Study::kServing, warnings);
}

ServingPool tensor_pool(Count tensor) {
  ServingPool pool;
  pool.parallelism.tensor = tensor;
  return pool;
}

}  // namespace

TEST_CASE("cached bytes per token of known models", "[costs][serving]") {
  // Grouped queries: layers x key-value heads x head width x 2 (keys, values) x 2 bytes.
  CHECK(cached_bytes_per_token(load_model_shape("llama-2-70b"), {}, {}) == 80.0 * 8 * 128 * 2 * 2);
  // Latent attention: layers x (512 + 64) x 2 bytes, whatever the tensor degree.
  const Model deepseek = load_model_shape("deepseek-v3");
  CHECK(cached_bytes_per_token(deepseek, {}, {}) == 61.0 * 576 * 2);
  CHECK(cached_bytes_per_token(deepseek, {}, tensor_pool(8)) == 61.0 * 576 * 2);
  CHECK(cached_bytes_per_token(load_model_shape("llama-2-70b"), {}, tensor_pool(8)) == 80.0 * 128 * 2 * 2);
}

TEST_CASE("distinct experts: all for many tokens, k for one", "[costs][serving]") {
  CHECK(distinct_experts(8, 2, 1) == Approx(2.0));
  CHECK(distinct_experts(8, 2, 2) == Approx(8.0 * (1.0 - 0.75 * 0.75)));
  CHECK(distinct_experts(256, 8, 1e6) == Approx(256.0));
}

TEST_CASE("more of anything never makes an iteration faster", "[costs][serving]") {
  const Machine machine = machine_of("h100-sxm-80gb");
  for (const char* name : {"llama-3.1-8b", "mixtral-8x7b", "deepseek-v3"}) {
    const IterationTime time = serving_iteration_time(load_model_shape(name), {}, tensor_pool(8), machine);
    double last = 0.0;
    for (double b = 1; b < 3000; b *= 1.07) {
      const double now = time.iteration_s({.decoding_sequences = b, .decoding_context_tokens = 500 * b});
      CHECK(now >= last);
      last = now;
    }
    for (double p = 0; p < 20000; p += 137) {
      const double now = time.iteration_s({.decoding_sequences = 3000,
                                           .decoding_context_tokens = 1.5e6,
                                           .prompt_tokens = p,
                                           .prompt_attended_tokens = p * 512,
                                           .prompts = p / 512});
      CHECK(now >= last);
      last = now;
    }
  }
}

TEST_CASE("a model that leaves no room for one sequence does not fit", "[costs][serving]") {
  const Machine machine = machine_of("h100-sxm-80gb");
  const Model model = load_model_shape("llama-2-70b");
  CHECK_THROWS_AS(kv_capacity_tokens(model, {}, tensor_pool(1), machine, 1.0), NoAnswerError);
  const double capacity = kv_capacity_tokens(model, {}, tensor_pool(8), machine, 4096.0);
  CHECK(capacity > 1e6);
  CHECK(capacity < 80.0 * 1.0737e9 / (80.0 * 128 * 2 * 2));
}

TEST_CASE("the user's own times are the iteration time", "[costs][serving]") {
  Serving serving;
  serving.service_times = ServingServiceTimes{
      .base_s = 0.02, .per_sequence_s = 1e-4, .per_prompt_token_s = 2e-5, .per_context_token_s = 1e-7};
  const IterationTime time = serving_iteration_time({}, serving, {}, {});
  CHECK(time.iteration_s({.decoding_sequences = 10, .decoding_context_tokens = 1000, .prompt_tokens = 100}) ==
        Approx(0.02 + 1e-3 + 2e-3 + 1e-4));
}

TEST_CASE("the products of a layer do 2 FLOP per weight and token", "[costs][serving]") {
  // Per token, all tensor ranks together: twice the layer's matrices, attention core left out.
  const Model model = load_model_shape("llama-3.1-8b");
  for (const Count tensor : {1, 2, 8}) {
    double flop = 0.0;
    for (const Operator& op : serving_operators(model, {}, tensor_pool(tensor), Segment::kDenseLayer, 100.0))
      flop += op.flop;
    const double weights = attention_parameters_per_layer(model) + mlp_parameters(model, model.intermediate_size);
    CHECK(flop * static_cast<double>(tensor) == Approx(2.0 * 100.0 * weights));
  }
}

TEST_CASE("experts read only the weights their tokens touch", "[costs][serving]") {
  const Model model = load_model_shape("mixtral-8x7b");
  double weights = 0.0;
  for (const Operator& op : serving_operators(model, {}, tensor_pool(1), Segment::kExpertLayer, 3.0)) {
    if (op.name.starts_with("experts") && op.kind == OperatorKind::kMatrixProduct)
      weights += op.batch * op.columns * op.depth;
  }
  CHECK(weights == Approx(8.0 * (1.0 - std::pow(0.75, 3)) * mlp_parameters(model, model.moe_intermediate_size)));
}

TEST_CASE("expert parallel shares tokens and weights over its ranks", "[costs][serving]") {
  // Expert FLOP of one rank x ranks = 2 x tokens x experts per token x weights of one expert.
  const Model model = load_model_shape("deepseek-v3");
  ServingPool pool;
  pool.parallelism.data = 8;
  pool.parallelism.expert = 8;
  double flop = 0.0;
  for (const Operator& op : serving_operators(model, {}, pool, Segment::kExpertLayer, 64.0)) {
    if (op.name.starts_with("experts")) flop += op.flop;
  }
  const double expert = mlp_parameters(model, model.moe_intermediate_size);
  CHECK(8.0 * flop == Approx(2.0 * 8.0 * 64.0 * 8.0 * expert));
}

TEST_CASE("a large all-reduce moves 2 (n - 1) / n of its bytes, a small one costs its latency", "[costs][serving]") {
  const HardwareProfile profile = machine_of("h100-sxm-80gb").profile;
  CHECK(engine_all_reduce_s(1, 1e6, profile) == 0.0);
  CHECK(engine_all_reduce_s(8, 1.0, profile) == Approx(profile.serving.one_shot_latency_s.value).epsilon(1e-3));
  const double per_byte = (engine_all_reduce_s(8, 2e9, profile) - engine_all_reduce_s(8, 1e9, profile)) / 1e9;
  CHECK(per_byte == Approx(1.75 / (450e9 * profile.serving.two_shot_ratio.value)));
}

TEST_CASE("decode attention of a large cache runs at its share of the bandwidth", "[costs][serving]") {
  const Machine machine = machine_of("h100-sxm-80gb");
  const AttentionShape shape = attention_shape(load_model_shape("llama-3.1-8b"), {}, {});
  const AttentionClock clock(shape, 1.0, machine);
  CHECK(clock.decode_s(0.0, 0.0) == 0.0);
  const double per_token = (clock.decode_s(100, 4e7) - clock.decode_s(100, 2e7)) / 2e7;
  // 8 key-value heads x 128 x (keys, values) x 2 bytes.
  CHECK(per_token == Approx(4096.0 / (3.35e12 * machine.profile.serving.decode_memory_ratio.value)).epsilon(1e-3));
}

TEST_CASE("a faster memory shortens decoding, a faster processor prefilling", "[costs][serving]") {
  const Model model = load_model_shape("llama-3.1-70b");
  const IterationLoad decode{.decoding_sequences = 64, .decoding_context_tokens = 64e3};
  const IterationLoad prefill{.prompt_tokens = 8192, .prompt_attended_tokens = 33558528, .prompts = 1};
  const auto time_of = [&](const char* device, const IterationLoad& load) {
    return serving_iteration_time(model, {}, tensor_pool(8), machine_of(device, "trtllm-1.1")).iteration_s(load);
  };
  CHECK(time_of("h200-sxm-141gb", decode) < time_of("h100-sxm-80gb", decode));
  CHECK(time_of("h100-sxm-80gb", decode) < time_of("a100-sxm-80gb", decode));
  CHECK(time_of("h100-sxm-80gb", prefill) < time_of("a100-sxm-80gb", prefill));
  CHECK(time_of("b200-sxm-180gb", prefill) < time_of("h100-sxm-80gb", prefill));
  // H200 differs from H100 in its memory alone.
  CHECK(time_of("h200-sxm-141gb", prefill) == Approx(time_of("h100-sxm-80gb", prefill)).epsilon(0.1));
}

TEST_CASE("a pipeline of p stages cuts the load into p parts", "[costs][serving]") {
  // Without host time per iteration, a cycle of p parts takes one whole pass of the fullest: 16 of 64 sequences plus
  // the mean of a last round begun, (p - 1) / (2 p).
  Machine machine = machine_of("h100-sxm-80gb", "trtllm-0.17");
  const Model model = load_model_shape("llama-3.1-8b");
  ServingPool staged;
  staged.parallelism.pipeline = 4;
  const IterationLoad load{.decoding_sequences = 64, .decoding_context_tokens = 64e3};
  const double fullest = 16.0 + 3.0 / 8.0;
  const IterationLoad quarter{.decoding_sequences = fullest, .decoding_context_tokens = 1e3 * fullest};
  machine.software.engine.per_sequence_s.value = 0.0;
  machine.software.step_overhead_s.value = 0.0;
  const double whole = serving_iteration_time(model, {}, tensor_pool(1), machine).iteration_s(quarter);
  CHECK(serving_iteration_time(model, {}, staged, machine).iteration_s(load) == Approx(whole));
}

TEST_CASE("limits are the engine's on its device unless the spec says", "[cluster][serving]") {
  const Machine trtllm = machine_of("h100-sxm-80gb", "trtllm-1.1");
  const Machine vllm = machine_of("h100-sxm-80gb", "vllm-0.15");
  const auto both = [](const EngineLimits& limits) { return std::pair(limits.max_batch, limits.max_batched_tokens); };
  // vLLM's EngineArgs: the larger limits from 70 GiB on, not on an A100; other token budgets for its offline class.
  CHECK(both(engine_limits({}, {}, vllm)) == std::pair<Count, Count>(1024, 8192));
  CHECK(both(engine_limits({}, {}, vllm, Frontend::kOffline)) == std::pair<Count, Count>(1024, 16384));
  CHECK(both(engine_limits({}, {}, machine_of("a100-sxm-80gb", "vllm-0.15"))) == std::pair<Count, Count>(256, 2048));
  CHECK(both(engine_limits({}, {}, machine_of("l4-24gb", "vllm-0.15"))) == std::pair<Count, Count>(256, 2048));
  CHECK(engine_limits({}, {}, vllm).kv_policy == KvPolicy::kPreempt);
  CHECK(engine_limits({}, {}, machine_of("h100-sxm-80gb", "sglang-0.5")).scheduler == BatchScheduler::kPrefillFirst);
  CHECK(both(engine_limits({}, {}, trtllm)) == std::pair<Count, Count>(2048, 8192));
  CHECK(engine_limits({}, {}, trtllm).kv_policy == KvPolicy::kReserve);
  ServingPool pool;
  pool.max_batch = 7;
  CHECK(engine_limits({}, pool, trtllm).max_batch == 7);
  pool.max_batch.reset();
  pool.parallelism.data = 8;
  CHECK(engine_limits({}, pool, trtllm).max_batch == 8 * 2048);
  // As many batches are under way as there are stages.
  pool.parallelism = {.pipeline = 4};
  CHECK(engine_limits({}, pool, trtllm).max_batched_tokens == 4 * 8192);
}

TEST_CASE("A server's cache is what its logs print", "[cluster][serving]") {
  // "GPU KV cache size" of vLLM 0.10 to 0.18 at start-up, gpu_memory_utilization 0.9 (0.85 on the L4).
  const auto tokens = [](const char* model, const char* device, Count tensor, Count budget, double utilization) {
    Serving serving;
    serving.memory_utilization_ratio = utilization;
    ServingPool pool = tensor_pool(tensor);
    pool.max_batched_tokens = budget;
    return serving_memory(load_model_shape(model), serving, pool, machine_of(device, "vllm-0.18")).kv_cache_tokens;
  };
  CHECK(tokens("llama-3-8b", "h100-sxm-80gb", 1, 8192, 0.9) == Approx(436552).epsilon(0.08));
  CHECK(tokens("qwen3-8b", "a100-sxm-40gb", 1, 2048, 0.9) == Approx(136080).epsilon(0.08));
  CHECK(tokens("qwen3-30b-a3b", "h100-sxm-80gb", 2, 8192, 0.9) == Approx(878416).epsilon(0.08));
  CHECK(tokens("llama-2-7b", "a100-sxm-80gb", 1, 4096, 0.9) == Approx(117616).epsilon(0.08));
  CHECK(tokens("llama-3.1-8b", "l4-24gb", 1, 2048, 0.85) == Approx(30960).epsilon(0.10));
}

TEST_CASE("A model that fits with the engine's flag raised is answered", "[cluster][serving]") {
  // DeepSeek-R1 in 8 bits runs on 4 B200 with gpu_memory_utilization above its default.
  Serving serving;
  serving.weights = serving.kv_cache = Precision::kFp8;
  const Model model = load_model_shape("deepseek-r1");
  const Machine machine = machine_of("b200-sxm-180gb", "vllm-0.18");
  CHECK_THROWS_WITH(kv_capacity_tokens(model, serving, tensor_pool(4), machine, 4096.0),
                    ContainsSubstring("(serving.memory_utilization is 0.9)"));
  serving.memory_utilization_ratio = 0.97;
  CHECK(kv_capacity_tokens(model, serving, tensor_pool(4), machine, 4096.0) > 50e3);
}

TEST_CASE("Distinct tokens are counted once however many devices hold their keys", "[cluster][serving]") {
  const Model model = load_model_shape("llama-3-8b");  // 8 key-value heads
  const ServingMemory memory = serving_memory(model, {}, tensor_pool(16), machine_of("h100-sxm-80gb", "vllm-0.18"));
  CHECK(memory.kv_cache_per_replica_bytes == Approx(memory.kv_cache_tokens * 32.0 * 8 * 128 * 2 * 2));
}

TEST_CASE("Weights alone in four bits are read in four and computed in sixteen", "[workload][serving]") {
  Serving serving;
  serving.weights = Precision::kInt4;
  for (const Operator& op :
       serving_operators(load_model_shape("qwen3-14b"), serving, tensor_pool(1), Segment::kDenseLayer, 1000.0)) {
    if (op.kind != OperatorKind::kMatrixProduct) continue;
    CHECK(op.precision == Precision::kBf16);
    CHECK(op.dequantised);
  }
  // Never faster than the peak of the 16-bit units, however many tokens.
  const Model model = load_model_shape("qwen3-14b");
  const Machine machine = machine_of("a100-sxm-80gb", "vllm-0.18");
  const IterationLoad prompts{.prompt_tokens = 8192, .prompt_attended_tokens = 8192.0 * 512, .prompts = 8};
  const double flop =
      2.0 * 8192.0 * 40.0 * (attention_parameters_per_layer(model) + mlp_parameters(model, model.intermediate_size));
  CHECK(serving_iteration_time(model, serving, tensor_pool(1), machine).iteration_s(prompts) >= flop / 312e12);
}

TEST_CASE("Ranks of a dense model are replicas, their limits shared out", "[cluster][serving]") {
  ServingPool pool{.replicas = 2, .parallelism = {.tensor = 2, .data = 4}, .max_batch = 10};
  const ServingPool engines = independent_engines(load_model_shape("llama-3.1-8b"), pool);
  CHECK(engines.replicas == 8);
  CHECK(engines.parallelism.data == 1);
  CHECK(engines.max_batch == 3);
  CHECK(independent_engines(load_model_shape("mixtral-8x7b"), pool).parallelism.data == 4);
}

TEST_CASE("One prompt is not divided over stages or attention ranks", "[costs][serving]") {
  // 2 FLOP per weight and token, at least, at the peak of the devices that work on the prompt.
  const Machine machine = machine_of("h100-sxm-80gb", "vllm-0.18");
  const IterationLoad prompt{.prompt_tokens = 8000, .prompt_attended_tokens = 0.5 * 8000.0 * 8001.0, .prompts = 1};
  const Model dense = load_model_shape("llama-3.1-8b");
  const double peak = machine.profile.compute.peak_flop_per_s[static_cast<int>(Precision::kBf16)]->value;
  double alone = 0.0;
  for (const Count pipeline : {1, 2, 4, 8}) {
    const ServingPool pool{.parallelism = {.pipeline = pipeline}};
    const double time_s = serving_iteration_time(dense, {}, pool, machine).iteration_s(prompt);
    CHECK(time_s >= 2.0 * 7e9 * 8000.0 / peak);
    CHECK(time_s >= alone);
    alone = time_s;
  }
  const Model sparse = load_model_shape("mixtral-8x7b");
  const auto time_of = [&](Count data) {
    const ServingPool pool{.parallelism = {.tensor = 2, .data = data, .expert = 2 * data}};
    return serving_iteration_time(sparse, {}, pool, machine).iteration_s(prompt);
  };
  // Attention and projections of one rank stay; only the experts are spread.
  const double attention_flop = 2.0 * 8000.0 * 32.0 * attention_parameters_per_layer(sparse);
  CHECK(time_of(4) >= attention_flop / (2.0 * peak));
  CHECK(time_of(4) < time_of(1));
}
