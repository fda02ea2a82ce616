// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/engine_flags.h"

#include <map>

#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {

std::string flag_name(std::string_view flag) {
  const auto start = flag.find_first_not_of('-');
  std::string name = lower_case(start == std::string_view::npos ? "" : flag.substr(start));
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

std::optional<std::string> key_of_engine_flag(std::string_view flag) {
  // Sources: vLLM EngineArgs, SGLang ServerArgs, options of trtllm-serve, versions of 2025 and 2026.
  static const std::map<std::string, std::string, std::less<>> kKeys = {
      {"tensor_parallel_size", "parallelism.tensor"},
      {"tensor_parallel", "parallelism.tensor"},
      {"tp", "parallelism.tensor"},
      {"tp_size", "parallelism.tensor"},
      {"pipeline_parallel_size", "parallelism.pipeline"},
      {"pipeline_parallel", "parallelism.pipeline"},
      {"pp", "parallelism.pipeline"},
      {"pp_size", "parallelism.pipeline"},
      {"data_parallel_size", "parallelism.data"},
      {"data_parallel", "parallelism.data"},
      {"dp", "parallelism.data"},
      {"dp_size", "parallelism.data"},
      {"enable_dp_attention", "parallelism.data"},
      {"expert_parallel_size", "parallelism.expert"},
      {"enable_expert_parallel", "parallelism.expert"},
      {"ep", "parallelism.expert"},
      {"ep_size", "parallelism.expert"},
      {"max_num_seqs", "serving.max_batch"},
      {"max_running_requests", "serving.max_batch"},
      {"max_batch_size", "serving.max_batch"},
      {"max_num_batched_tokens", "serving.max_batched_tokens"},
      {"chunked_prefill_size", "serving.max_batched_tokens"},
      {"max_prefill_tokens", "serving.max_batched_tokens"},
      {"max_num_tokens", "serving.max_batched_tokens"},
      {"gpu_memory_utilization", "serving.memory_utilization"},
      {"mem_fraction_static", "serving.memory_utilization"},
      {"kv_cache_free_gpu_memory_fraction", "serving.memory_utilization"},
      {"free_gpu_memory_fraction", "serving.memory_utilization"},
      {"max_seq_len", "serving.max_model_len"},
      {"context_length", "serving.max_model_len"},
      {"enable_chunked_prefill", "serving.scheduler"},
      {"enable_mixed_chunk", "serving.scheduler"},
      {"kv_cache_dtype", "serving.precision.kv_cache"},
      {"quantization", "serving.precision.weights"},
      {"dtype", "serving.precision.weights"},
      {"enable_prefix_caching", "serving.prefix_cache_hit"},
      {"num_speculative_tokens", "serving.speculative.tokens"},
      {"speculative_num_draft_tokens", "serving.speculative.tokens"},
      {"speculative_config", "serving.speculative"},
      {"max_concurrency", "traffic.concurrency"},
      {"request_rate", "traffic.arrival_rate"},
      {"burstiness", "traffic.arrival_scv"},
      {"num_prompts", "traffic.requests"},
      {"input_len", "traffic.classes.0.prompt_tokens"},
      {"random_input_len", "traffic.classes.0.prompt_tokens"},
      {"output_len", "traffic.classes.0.output_tokens"},
      {"random_output_len", "traffic.classes.0.output_tokens"}};
  const auto found = kKeys.find(flag_name(flag));
  return found == kKeys.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace windtunnel::modeling
