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

Machine load_serving_machine(const Spec& spec, std::vector<std::string>& warnings) {
  Cluster cluster = spec.cluster;
  const bool names_engine = spec.serving && !spec.serving->engine.empty();
  if (cluster.software.empty() && names_engine) cluster.software = newest_of_family(spec.serving->engine);
  return load_machine(cluster, Study::kServing, warnings);
}

double prefix_cache_hit_ratio(const Spec& spec, const SoftwareGeneration& software,
                              std::vector<std::string>& warnings) {
  if (spec.serving->prefix_cache_hit_given || spec.serving->service_times) return spec.serving->prefix_cache_hit_ratio;
  const double habit = software.engine.prefix_cache_hit_ratio.value;
  const bool open_loop = spec.traffic.arrival_rate_per_s || !spec.traffic.trace_file.empty();
  if (!open_loop || habit <= 0.0) return 0.0;
  warnings.push_back(fmt::format(
      "serving.prefix_cache_hit is not said: {} keeps prefixes, {:.2f} of each prompt taken as cached as in "
      "the runs its costs were fitted to; say 0 for prompts that share nothing",
      software.name, habit));
  return habit;
}

EngineLimits engine_limits(const Serving& serving, const ServingPool& pool, const SoftwareGeneration& software) {
  const std::string& engine = serving.engine.empty() ? software.family : serving.engine;
  const Defaults defaults = defaults_of(engine);
  const Count ranks = pool.parallelism.data;
  EngineLimits limits;
  limits.kv_policy =
      serving.kv_policy_given || serving.service_times || engine != "trtllm" ? serving.kv_policy : KvPolicy::kReserve;
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
  // Logits of every sequence, 32-bit.
  const double logits =
      std::min(real(limits.max_batch), real(limits.max_batched_tokens)) / real(degrees.data) * real(model.vocab_size);
  memory.activations_bytes = 2.0 * tokens * width + 4.0 * logits;
  const EngineCosts& engine = machine.software.engine;
  const double capacity = device.capacity_bytes.value;
  const double planned = std::min(engine.planned_memory_ratio.value * capacity, capacity - device.reserved_bytes.value);
  const double free = planned - memory.weights_bytes - memory.activations_bytes;
  memory.cache_bytes = engine.free_memory_ratio.value * free;
  memory.reserved_bytes = capacity - memory.weights_bytes - memory.activations_bytes - memory.cache_bytes;
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
