// SPDX-License-Identifier: Apache-2.0
#include "cli/engine_command.h"
#include "modeling/spec/read_spec.h"
#include "modeling/spec/yaml_reader.h"
#include "test/catch.h"

namespace windtunnel::cli {
namespace {

std::string imported(const std::string& command) {
  return spec_of_engine_command(shell_words(command), "h100-sxm-80gb");
}

modeling::Spec spec_of(const std::string& command) {
  return modeling::read_spec(modeling::YamlDocument::parse(imported(command), "imported.yaml", {}));
}

TEST_CASE("A vLLM command becomes a spec that is read", "[cli][import]") {
  const std::string command =
      "vllm serve Qwen/Qwen3-30B-A3B -tp 2 --data-parallel-size=4 --enable-expert-parallel --max-num-seqs 128 "
      "--gpu-memory-utilization 0.92 --max-model-len 32K --kv-cache-dtype fp8 --port 8000 --swap-space 4";
  const auto spec = spec_of(command);
  CHECK(spec.model.name == "qwen3-30b-a3b");
  CHECK(spec.cluster.num_devices == 8);
  const auto& pool = spec.serving->aggregated;
  CHECK(spec.serving->engine == "vllm");
  CHECK(pool.parallelism.tensor == 2);
  CHECK(pool.parallelism.data == 4);
  CHECK(pool.parallelism.expert == 8);
  // vLLM's limit is that of one rank, a spec's that of a replica.
  CHECK(pool.max_batch == 4 * 128);
  CHECK(spec.serving->memory_utilization_ratio == 0.92);
  CHECK(spec.serving->max_model_len == 32768);
  CHECK(spec.serving->kv_cache == modeling::Precision::kFp8);
  CHECK_THAT(imported(command), ContainsSubstring("# NOT translated:\n#   --swap-space 4\n"));
  CHECK_THAT(imported(command), ContainsSubstring("# Without influence on times and memory:\n#   --port 8000\n"));
}

TEST_CASE("SGLang's tp counts the devices of an engine, its dp replicas or attention ranks", "[cli][import]") {
  const auto ranks = spec_of(
      "python3 -m sglang.launch_server --model-path deepseek-ai/DeepSeek-R1 --tp 16 --dp 4 --enable-dp-attention "
      "--mem-fraction-static 0.85 --chunked-prefill-size 4096 --trust-remote-code");
  CHECK(ranks.serving->aggregated.parallelism.tensor == 4);
  CHECK(ranks.serving->aggregated.parallelism.data == 4);
  CHECK(ranks.serving->aggregated.max_batched_tokens == 4 * 4096);
  CHECK(ranks.serving->weights == modeling::Precision::kFp8);
  const auto replicas = spec_of("python -m sglang.launch_server --model meta-llama/Llama-3.1-8B-Instruct --dp-size 4");
  CHECK(replicas.serving->aggregated.replicas == 4);
  CHECK(replicas.cluster.num_devices == 4);
}

TEST_CASE("TensorRT-LLM and containers are understood", "[cli][import]") {
  const auto spec = spec_of("trtllm-serve nvidia/Llama-3.3-70B-Instruct-FP8 --tp_size 4 --max_batch_size 512");
  CHECK(spec.serving->engine == "trtllm");
  CHECK(spec.model.name == "llama-3.3-70b");
  CHECK(spec.serving->weights == modeling::Precision::kFp8);
  CHECK(spec.serving->aggregated.max_batch == 512);
  const auto container = spec_of(
      "docker run --gpus all -v ~/.cache:/root vllm/vllm-openai:latest --model Qwen/Qwen3-14B-AWQ \\\n"
      "  --speculative-config '{\"model\": \"x\", \"num_speculative_tokens\": 5}'");
  CHECK(container.model.name == "qwen3-14b");
  CHECK(container.serving->weights == modeling::Precision::kInt4);
  CHECK_FALSE(container.serving->speculative.has_value());
}

TEST_CASE("A command that cannot be read says what was expected", "[cli][import]") {
  CHECK_THROWS_WITH(imported("ollama run llama3"),
                    "found no engine, expected a command with 'vllm serve', 'python -m sglang.launch_server' or "
                    "'trtllm-serve'");
  CHECK_THROWS_WITH(imported("vllm serve m --max-num-seqs many"),
                    "--max-num-seqs is 'many', expected a whole number above 0");
  CHECK_THROWS_WITH(imported("vllm serve m --gpu-memory-utilization 90"),
                    "--gpu-memory-utilization is '90', expected a share up to 1");
  CHECK_THROWS_WITH(shell_words("vllm serve 'm"), "a ' is not closed");
}

}  // namespace
}  // namespace windtunnel::cli
