// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/serving_iteration.h"

#include "modeling/cluster/serving_engine.h"
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
