// SPDX-License-Identifier: Apache-2.0
// A serving system in the terms of queues: what comes, how iterations are filled, how long they take. The contract's
// batching semantics are stated here once; the chains (chains/serving_chain.h) and the event simulation
// (chains/serving_simulation.h) answer the same ServingSystem.
//
// An engine works iteration by iteration. Smaller priorities first, first come first served within a priority (as
// vLLM's priority scheduling).
//   prefill_first    prompts wait and fewer than max_batch sequences decode: one iteration prefills as many waiting
//                    prompts as fit max_batched_tokens (at least one), decoding stands still; otherwise all decode.
//   chunked_prefill  every iteration decodes one token of each sequence and spends the rest of max_batched_tokens on
//                    prompts, oldest first, in chunks; prompts in progress count toward max_batch.
//   priorities       order those who wait for a slot and for the token budget. Nobody loses a slot to a newcomer, and a
//                    prompt in progress is finished first. A full KV cache takes the pages of the largest priority
//                    present, of its youngest sequence, which waits before the others of its priority.
// Arrivals enter at the next boundary, an idle engine starts at once. The iteration that ends a prompt produces its
// first token. In a closed loop a finished request is replaced at once.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modeling/chains/serving/requests/token_law.h"
#include "modeling/costs/iteration_time.h"
#include "modeling/spec/read_trace.h"
#include "modeling/spec/spec.h"
#include "solvers/arrivals/switched_poisson.h"

namespace windtunnel::modeling {

inline constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// How one engine fills its iterations.
struct BatchRules {
  BatchScheduler scheduler = BatchScheduler::kChunkedPrefill;
  /// Sequences in decode and prompts in progress, >= 1.
  Count max_batch = 256;
  /// Tokens of one iteration, >= 1.
  Count max_batched_tokens = 8192;
  /// Tokens of one prompt in one iteration, > 0: the budget of the attention rank or pipeline batch it travels in.
  double max_prompt_chunk = kNoLimit;
  /// Tokens the KV cache holds.
  double kv_capacity_tokens = kNoLimit;
  KvPolicy kv_policy = KvPolicy::kPreempt;
  /// Draft tokens and the probability that one is accepted; a sequence gains 1 + accepted tokens per iteration.
  std::optional<Speculative> speculative;
  /// Draft tokens are verified as extra tokens of the iteration (they cost what prompt tokens cost).
  bool drafts_cost_time = false;
  /// Share of each prompt that is found in the cache and not computed.
  double prefix_cache_hit_ratio = 0.0;
};

/// Tokens a sequence gains per iteration, on average: 1 without drafts.
double tokens_per_iteration(const BatchRules& rules);

/// One kind of request.
struct RequestClass {
  std::string name;
  double share = 1.0;
  TokenLaw prompt;
  TokenLaw output;
  /// Smaller is served first.
  int priority = 0;
};

/// Do classes differ in priority?
bool has_priorities(const std::vector<RequestClass>& classes);

/// How requests come to the whole system.
struct ArrivalLaw {
  enum class Kind { kOpen, kClosed, kUnlimited, kTrace };
  Kind kind = Kind::kOpen;
  double rate_per_s = 0.0;
  /// Squared coefficient of variation of the interarrival times, which are gamma distributed and independent.
  double scv = 1.0;
  /// Correlated arrivals instead: their pattern at one arrival per second, rate_per_s times as fast.
  std::optional<solvers::SwitchedPoisson> bursts;
  Count concurrency = 0;
  std::shared_ptr<const std::vector<TracedRequest>> trace;
};

/// Identical replicas of one engine.
struct EnginePool {
  Count replicas = 1;
  BatchRules rules;
  IterationTime time;
};

struct ServingSystem {
  std::vector<RequestClass> classes;
  ArrivalLaw arrivals;
  LoadBalancer balancer = LoadBalancer::kRandom;
  /// Aggregated: prompts and decode. Disaggregated: decode only.
  EnginePool pool;
  /// Disaggregated: the engines that compute prompts and the first token.
  std::optional<EnginePool> prefill;
  /// Seconds per token of KV cache handed from prefill to decode; one transfer at a time per prefill replica.
  double transfer_per_token_s = 0.0;
  /// Start empty, this many arrivals, percentiles over them. Empty: the long run.
  std::optional<Count> requests;
};

/// Share-weighted means.
double mean_prompt_tokens(const std::vector<RequestClass>& classes);
double mean_output_tokens(const std::vector<RequestClass>& classes);

}  // namespace windtunnel::modeling
