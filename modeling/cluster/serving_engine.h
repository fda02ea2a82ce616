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

/// The pool as engines with a queue of their own. Attention ranks of a dense model share nothing, so `data: d` is d
/// replicas as it is in the engines; a stated max_batch and max_batched_tokens are divided among them, rounded up.
/// Ranks of a mixture of experts stay together: they exchange tokens in every layer and keep step.
ServingPool independent_engines(const Model& model, const ServingPool& pool);

/// What the engine does when the spec does not say; see the contract's table of defaults.
struct EngineLimits {
  BatchScheduler scheduler = BatchScheduler::kChunkedPrefill;
  /// Sequences in progress per replica, KV memory not considered.
  Count max_batch = 0;
  /// Tokens of one iteration, over all attention ranks of the replica and all batches on their way through its
  /// pipeline.
  Count max_batched_tokens = 0;
  /// TensorRT-LLM reserves the whole length at admission (its guaranteed-no-evict scheduler); the others preempt.
  KvPolicy kv_policy = KvPolicy::kPreempt;
};

/// Whether tokens stream to clients through a server, or stay in an offline run of the engine.
enum class Frontend { kServer, kOffline };

/// The spec's limits, or those of its engine (of the software generation's family when the spec names no engine) on
/// this device. A default counts per attention rank (`parallelism.data`), as the engines count; a stated one is per
/// replica. With the user's own `service_times` scheduler and KV policy are not the engine's but chunked_prefill and
/// preempt.
EngineLimits engine_limits(const Serving& serving, const ServingPool& pool, const Machine& machine,
                           Frontend frontend = Frontend::kServer);

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
  /// Tokens of one attention rank, >= 0, of sequences of max_model_len: what vLLM prints as its KV cache size.
  double kv_cache_tokens = 0.0;
  /// Bytes of those tokens over all ranks, each token once however many devices hold a copy of its keys.
  double kv_cache_per_replica_bytes = 0.0;
};

/// `sequence_tokens`: how long sequences are, where windows and states make a token's bytes depend on it; 0: long.
ServingMemory serving_memory(const Model& model, const Serving& serving, const ServingPool& pool,
                             const Machine& machine, double sequence_tokens = 0.0);

/// Cached tokens one replica has room for: serving_memory(...).kv_capacity_tokens. Throws NoAnswerError when weights
/// plus one sequence of `sequence_tokens` exceed the device ("does not fit").
double kv_capacity_tokens(const Model& model, const Serving& serving, const ServingPool& pool, const Machine& machine,
                          double sequence_tokens);

}  // namespace windtunnel::modeling
