// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/serving_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "modeling/spec/spec_error.h"
#include "modeling/workload/serving_layer.h"

namespace windtunnel::modeling {

namespace {

/// Share of the device an engine plans to use (vLLM gpu_memory_utilization 0.9; TensorRT-LLM gives 0.9 of what is free
/// to the cache).
constexpr double kPlannedShare = 0.9;

double real(Count count) {
  return static_cast<double>(count);
}

struct Defaults {
  Count max_batch;
  Count max_batched_tokens;
};

// The contract's table. SGLang has no limit of its own on the batch: memory ends it.
Defaults defaults_of(const std::string& engine) {
  if (engine == "trtllm") return {2048, 8192};
  if (engine == "sglang") return {4096, 8192};
  return {256, 8192};
}

}  // namespace

EngineLimits engine_limits(const Serving& serving, const ServingPool& pool, const SoftwareGeneration& software) {
  const Defaults defaults = defaults_of(serving.engine.empty() ? software.family : serving.engine);
  const Count ranks = pool.parallelism.data;
  EngineLimits limits;
  limits.scheduler = serving.scheduler.value_or(BatchScheduler::kChunkedPrefill);
  limits.max_batch = pool.max_batch.value_or(defaults.max_batch * ranks);
  limits.max_batched_tokens = pool.max_batched_tokens.value_or(defaults.max_batched_tokens * ranks);
  return limits;
}

ServingMemory serving_memory(const Model& model, const Serving& serving, const ServingPool& pool,
                             const Machine& machine) {
  const DeviceMemory& device = machine.profile.memory;
  const Parallelism& degrees = pool.parallelism;
  const EngineLimits limits = engine_limits(serving, pool, machine.software);
  ServingMemory memory;
  memory.weights_bytes = serving_weight_bytes(model, serving, pool);
  // The widest pair of tensors alive at once, 16-bit: the MLP's input products and the hidden state.
  const double tokens = real(limits.max_batched_tokens) / real(degrees.data);
  const double width =
      3.0 * real(std::max(model.intermediate_size, model.moe_intermediate_size)) / real(degrees.tensor) +
      4.0 * real(model.hidden_size);
  memory.activations_bytes = 2.0 * tokens * width;
  memory.reserved_bytes = device.reserved_bytes.value + (1.0 - kPlannedShare) * device.capacity_bytes.value;
  memory.cache_bytes =
      device.capacity_bytes.value - memory.weights_bytes - memory.activations_bytes - memory.reserved_bytes;
  memory.cached_bytes_per_token = cached_bytes_per_token(model, serving, pool);
  const double room = std::max(0.0, memory.cache_bytes);
  memory.kv_capacity_tokens = room / memory.cached_bytes_per_token * real(degrees.data);
  memory.kv_cache_per_replica_bytes = room * real(degrees.tensor * degrees.pipeline * degrees.data);
  return memory;
}

double kv_capacity_tokens(const Model& model, const Serving& serving, const ServingPool& pool, const Machine& machine,
                          double sequence_tokens) {
  const ServingMemory memory = serving_memory(model, serving, pool, machine);
  if (memory.kv_capacity_tokens >= sequence_tokens * real(pool.parallelism.data)) return memory.kv_capacity_tokens;
  throw NoAnswerError(fmt::format(
      "does not fit: weights {:.1f} GB, activations {:.1f} GB and {:.1f} GB reserved leave room for {:.0f} cached "
      "tokens of {:.1f} GB, one sequence needs {:.0f}",
      memory.weights_bytes / 1e9, memory.activations_bytes / 1e9, memory.reserved_bytes / 1e9,
      memory.kv_capacity_tokens, machine.profile.memory.capacity_bytes.value / 1e9, sequence_tokens));
}

}  // namespace windtunnel::modeling
