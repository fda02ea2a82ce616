// SPDX-License-Identifier: Apache-2.0
// Limits of a serving engine: scheduler, batch limits and the memory of one replica.
#pragma once

#include <string>
#include <vector>

#include "modeling/cluster/machine.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// The machine of a serving spec: load_machine, where an engine named without a software generation means the newest
/// of its family.
Machine load_serving_machine(const Spec& spec, std::vector<std::string>& warnings);

/// Share of each prompt found in the prefix cache: the spec's, or, in an open loop that is silent, the engine's habit
/// (its users' prompts repeat), with a sentence in `warnings`. Closed loops are benchmarks of unrelated prompts: 0.
double prefix_cache_hit_ratio(const Spec& spec, const SoftwareGeneration& software, std::vector<std::string>& warnings);

/// What the engine does when the spec does not say; see the contract's table of defaults.
struct EngineLimits {
  BatchScheduler scheduler = BatchScheduler::kChunkedPrefill;
  /// Sequences in progress per replica, KV memory not considered.
  Count max_batch = 0;
  /// Tokens of one iteration, over all attention ranks of the replica.
  Count max_batched_tokens = 0;
  /// TensorRT-LLM reserves the whole length at admission (its guaranteed-no-evict scheduler); the others preempt.
  KvPolicy kv_policy = KvPolicy::kPreempt;
};

/// The spec's limits, or those of its engine (of the software generation's family when the spec names no engine). A
/// default counts per attention rank (`parallelism.data`), as the engines count; a stated one is per replica.
EngineLimits engine_limits(const Serving& serving, const ServingPool& pool, const SoftwareGeneration& software);

/// Memory of one replica. Bytes on the fullest device unless said otherwise.
struct ServingMemory {
  double weights_bytes = 0.0;
  /// Largest temporary tensors of one iteration of max_batched_tokens.
  double activations_bytes = 0.0;
  /// Context, communicators, captured graphs, allocator slack, and what the engine leaves free.
  double reserved_bytes = 0.0;
  /// What is left for the cache; negative when the rest does not fit.
  double cache_bytes = 0.0;
  /// Cached bytes of one token, all layers of this device.
  double cached_bytes_per_token = 0.0;
  /// Tokens the cache of the whole replica holds (all attention ranks), >= 0.
  double kv_capacity_tokens = 0.0;
  /// Bytes of all devices of the replica that hold cache.
  double kv_cache_per_replica_bytes = 0.0;
};

ServingMemory serving_memory(const Model& model, const Serving& serving, const ServingPool& pool,
                             const Machine& machine);

/// Cached tokens one replica has room for: serving_memory(...).kv_capacity_tokens. Throws NoAnswerError when weights
/// plus one sequence of `sequence_tokens` exceed the device ("does not fit").
double kv_capacity_tokens(const Model& model, const Serving& serving, const ServingPool& pool, const Machine& machine,
                          double sequence_tokens);

}  // namespace windtunnel::modeling
