// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/serving_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "modeling/cluster/read_profile.h"
#include "modeling/spec/spec_error.h"
#include "modeling/workload/serving_layer.h"

namespace windtunnel::modeling {

namespace {

double real(Count count) {
  return static_cast<double>(count);
}

/// Devices on which vLLM's server takes the larger limits: from 70 GiB on, the A100 aside.
bool is_large_for_vllm(const HardwareProfile& device) {
  constexpr double kLarge_bytes = 70.0 * 1073741824.0;
  return device.memory.capacity_bytes.value >= kLarge_bytes && !device.name.starts_with("a100");
}

/// What each engine does when it is started without flags. Sources: vLLM, EngineArgs (defaults by usage context and
/// device memory, versions 0.10 to 0.18); SGLang 0.4 and 0.5, ServerArgs (no limit on the batch but memory; chunks of
/// 2048 below 35 GB, 8192, 16384 from 160 GB on; prefill and decode are not mixed); TensorRT-LLM 1.x, trtllm-serve;
/// MindIE 2 sets them by configuration, and published runs are matched by prefill first.
EngineLimits defaults_of(const std::string& engine, const HardwareProfile& device, Frontend frontend) {
  const double capacity = device.memory.capacity_bytes.value;
  if (engine == "trtllm") return {.max_batch = 2048, .max_batched_tokens = 8192, .kv_policy = KvPolicy::kReserve};
  if (engine == "sglang")
    return {.scheduler = BatchScheduler::kPrefillFirst,
            .max_batch = 4096,
            .max_batched_tokens = capacity < 35e9    ? 2048
                                  : capacity < 160e9 ? 8192
                                                     : 16384};
  if (engine == "mindie")
    return {.scheduler = BatchScheduler::kPrefillFirst, .max_batch = 256, .max_batched_tokens = 8192};
  const bool large = is_large_for_vllm(device);
  const Count tokens = frontend == Frontend::kOffline ? (large ? 16384 : 8192) : (large ? 8192 : 2048);
  return {.max_batch = large ? 1024 : 256, .max_batched_tokens = tokens};
}

}  // namespace

Machine load_serving_machine(const Spec& spec, std::vector<std::string>& warnings) {
  Cluster cluster = spec.cluster;
  const bool names_engine = spec.serving && !spec.serving->engine.empty();
  if (cluster.software.empty() && names_engine) cluster.software = newest_of_family(spec.serving->engine);
  return load_machine(cluster, Study::kServing, warnings);
}

ServingPool independent_engines(const Model& model, const ServingPool& pool) {
  const Count ranks = pool.parallelism.data;
  ServingPool engines = pool;
  if (ranks == 1 || model.hidden_size == 0 || model.is_mixture_of_experts()) return engines;
  const auto share = [ranks](std::optional<Count>& limit) {
    if (limit) limit = (*limit + ranks - 1) / ranks;
  };
  engines.replicas *= ranks;
  engines.parallelism.data = 1;
  share(engines.max_batch);
  share(engines.max_batched_tokens);
  return engines;
}

EngineLimits engine_limits(const Serving& serving, const ServingPool& pool, const Machine& machine, Frontend frontend) {
  const std::string& engine = serving.engine.empty() ? machine.software.family : serving.engine;
  // The user's own times are the only ones: no engine's habits beside them.
  const bool own_times = serving.service_times.has_value();
  EngineLimits limits = defaults_of(own_times && serving.engine.empty() ? "vllm" : engine, machine.profile, frontend);
  const Count ranks = pool.parallelism.data;
  if (serving.kv_policy_given || own_times) limits.kv_policy = serving.kv_policy;
  if (own_times) limits.scheduler = BatchScheduler::kChunkedPrefill;
  limits.scheduler = serving.scheduler.value_or(limits.scheduler);
  limits.max_batch = pool.max_batch.value_or(limits.max_batch * ranks);
  // The engine's limit is that of one batch; as many batches as there are stages are under way in an iteration.
  limits.max_batched_tokens =
      pool.max_batched_tokens.value_or(limits.max_batched_tokens * ranks) * pool.parallelism.pipeline;
  return limits;
}

namespace {

// What vLLM finds taken when it counts its budget at start-up. Fitted to the "GPU KV cache size" of eight logs on H100,
// A100, L40S and L4 (docs/serving_costs.md); the first stands in two more logs (79.1 to 79.65 GiB of 80, 39.4 to 39.5
// of 40).
constexpr double kHiddenShare = 0.010;
constexpr double kContext_bytes = 0.05 * 1073741824.0;
/// Communicators and custom all-reduce buffers, for each further device of a tensor group; no log shows more than those
/// of four devices. One log each of two and four devices.
constexpr double kCommunicator_bytes = 1.5 * 1073741824.0;
constexpr double kMostCommunicators = 3.0;
/// Copies of the sampler's 32-bit logits that live at a time: logits, their sorted values with 64-bit positions.
constexpr double kLogitCopies = 4.0;
/// Intermediate tensors of the fused expert kernels that live at a time, in copies of one.
constexpr double kExpertCopies = 3.0;

/// Largest temporary tensors of one iteration on one device, 16-bit, without logits.
double activation_bytes(const Model& model, const Parallelism& degrees, double tokens) {
  const double width =
      3.0 * real(std::max(model.intermediate_size, model.moe_intermediate_size)) / real(degrees.tensor) +
      4.0 * real(model.hidden_size);
  return 2.0 * tokens * width;
}

/// Workspace of the experts' kernels: every token once per expert that it picks.
double expert_workspace_bytes(const Model& model, const Parallelism& degrees, double tokens) {
  if (!model.is_mixture_of_experts()) return 0.0;
  const double width = 3.0 * real(model.moe_intermediate_size) / real(degrees.tensor) + 2.0 * real(model.hidden_size);
  return kExpertCopies * 2.0 * tokens * real(model.num_experts_per_tok) * width;
}

/// Windows and states make the bytes of a token depend on how long its sequence is.
double bytes_per_token_at(const Model& model, const Serving& serving, const ServingPool& pool, double tokens) {
  if (model.layer_kinds.empty() || tokens <= 0.0) return cached_bytes_per_token(model, serving, pool);
  return cached_sequence_bytes(model, serving, pool, tokens) / tokens;
}

bool counts_like_vllm(const std::string& engine) {
  return engine == "vllm" || engine == "mindie";
}

}  // namespace

ServingMemory serving_memory(const Model& model, const Serving& serving, const ServingPool& pool,
                             const Machine& machine, double sequence_tokens) {
  const DeviceMemory& device = machine.profile.memory;
  const Parallelism& degrees = pool.parallelism;
  const EngineLimits limits = engine_limits(serving, pool, machine);
  const std::string& engine = serving.engine.empty() ? machine.software.family : serving.engine;
  const EngineCosts& costs = machine.software.engine;
  const double parts = real(degrees.data * degrees.pipeline);
  const double tokens = real(limits.max_batched_tokens) / parts;
  const double capacity = device.capacity_bytes.value;
  ServingMemory memory;
  memory.weights_bytes = serving_weight_bytes(model, serving, pool);
  // Logits of every sequence, 32-bit.
  const double logits =
      4.0 * std::min(real(limits.max_batch), real(limits.max_batched_tokens)) / parts * real(model.vocab_size);
  memory.activations_bytes = activation_bytes(model, degrees, tokens) + logits;
  double planned = 0.0;
  if (counts_like_vllm(engine)) {
    // The peak of the profiling run: its layers are over when the sampler runs.
    memory.activations_bytes =
        std::max(activation_bytes(model, degrees, tokens) + expert_workspace_bytes(model, degrees, tokens),
                 kLogitCopies * logits);
    planned =
        serving.memory_utilization_ratio.value_or(costs.planned_memory_ratio.value) * (1.0 - kHiddenShare) * capacity -
        kContext_bytes - kCommunicator_bytes * std::min(kMostCommunicators, real(degrees.tensor - 1));
  } else {
    const bool of_device = engine == "sglang";
    const double share = of_device ? serving.memory_utilization_ratio.value_or(costs.planned_memory_ratio.value)
                                   : costs.planned_memory_ratio.value;
    planned = std::min(share * capacity, capacity - device.reserved_bytes.value);
  }
  const double of_free = engine == "trtllm" ? serving.memory_utilization_ratio.value_or(costs.free_memory_ratio.value)
                                            : costs.free_memory_ratio.value;
  memory.cache_bytes = of_free * (planned - memory.weights_bytes - memory.activations_bytes);
  memory.reserved_bytes = capacity - memory.weights_bytes - memory.activations_bytes - memory.cache_bytes;
  memory.cached_bytes_per_token = bytes_per_token_at(model, serving, pool, sequence_tokens);
  memory.kv_capacity_tokens = std::max(0.0, memory.cache_bytes) / memory.cached_bytes_per_token * real(degrees.data);
  const double longest = serving.max_model_len ? real(*serving.max_model_len) : sequence_tokens;
  memory.kv_cache_tokens = std::max(0.0, memory.cache_bytes) / bytes_per_token_at(model, serving, pool, longest);
  memory.kv_cache_per_replica_bytes =
      memory.kv_capacity_tokens * bytes_per_token_at(model, serving, ServingPool{}, sequence_tokens);
  return memory;
}

double kv_capacity_tokens(const Model& model, const Serving& serving, const ServingPool& pool, const Machine& machine,
                          double sequence_tokens) {
  const ServingMemory memory = serving_memory(model, serving, pool, machine, sequence_tokens);
  if (memory.kv_capacity_tokens >= sequence_tokens * real(pool.parallelism.data)) return memory.kv_capacity_tokens;
  const double share = serving.memory_utilization_ratio.value_or(machine.software.engine.planned_memory_ratio.value);
  throw NoAnswerError(fmt::format(
      "does not fit: weights {:.1f} GB, activations {:.1f} GB and {:.1f} GB reserved leave room for {:.0f} cached "
      "tokens of {:.1f} GB, one sequence needs {:.0f}{}",
      memory.weights_bytes / 1e9, memory.activations_bytes / 1e9, memory.reserved_bytes / 1e9,
      memory.kv_capacity_tokens, machine.profile.memory.capacity_bytes.value / 1e9, sequence_tokens,
      memory.weights_bytes + memory.activations_bytes < machine.profile.memory.capacity_bytes.value && share < 0.99
          ? fmt::format(" (serving.memory_utilization is {:.3g})", share)
          : ""));
}

}  // namespace windtunnel::modeling
