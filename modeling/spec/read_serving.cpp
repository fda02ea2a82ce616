// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "modeling/spec/check_layout.h"
#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

const Choices<Precision> kStoredPrecisions = {
    {"bf16", Precision::kBf16},   {"fp16", Precision::kFp16}, {"fp8", Precision::kFp8},  {"nvfp4", Precision::kNvfp4},
    {"mxfp4", Precision::kMxfp4}, {"int8", Precision::kInt8}, {"int4", Precision::kInt4}};
const Choices<ServingLayout> kLayoutChoices = {{"aggregated", ServingLayout::kAggregated},
                                               {"disaggregated", ServingLayout::kDisaggregated}};
const Choices<BatchScheduler> kSchedulerChoices = {{"prefill_first", BatchScheduler::kPrefillFirst},
                                                   {"chunked_prefill", BatchScheduler::kChunkedPrefill}};
const Choices<KvPolicy> kKvPolicyChoices = {{"preempt", KvPolicy::kPreempt}, {"reserve", KvPolicy::kReserve}};
const Choices<LoadBalancer> kBalancerChoices = {{"random", LoadBalancer::kRandom},
                                                {"round_robin", LoadBalancer::kRoundRobin},
                                                {"join_shortest_queue", LoadBalancer::kShortestQueue}};
const Choices<std::string> kEngineChoices = {
    {"vllm", "vllm"}, {"trtllm", "trtllm"}, {"sglang", "sglang"}, {"mindie", "mindie"}};

Parallelism read_parallelism(YamlReader& pool, const Parallelism& otherwise) {
  const auto value = pool.find("parallelism");
  if (!value) return otherwise;
  YamlReader block = value->map();
  Parallelism degrees;
  degrees.tensor = block.count("tensor", 1, kMostDevices, 1);
  degrees.pipeline = block.count("pipeline", 1, kMostDevices, 1);
  degrees.expert = block.count("expert", 1, kMostDevices, 1);
  degrees.data = block.count("data", 1, kMostDevices, 1);
  block.finish();
  return degrees;
}

ServingPool read_pool_keys(YamlReader& block, const ServingPool& otherwise) {
  ServingPool pool;
  pool.replicas = block.count("replicas", 1, kMostDevices, otherwise.replicas);
  pool.parallelism = read_parallelism(block, otherwise.parallelism);
  pool.max_batch = block.optional_count("max_batch", 1, kMostTokens);
  pool.max_batched_tokens = block.optional_count("max_batched_tokens", 1, kMostTokens);
  if (!pool.max_batch) pool.max_batch = otherwise.max_batch;
  if (!pool.max_batched_tokens) pool.max_batched_tokens = otherwise.max_batched_tokens;
  return pool;
}

ServingPool read_pool(const YamlValue& value, const ServingPool& otherwise, const Model& model) {
  YamlReader block = value.map();
  const ServingPool pool = read_pool_keys(block, otherwise);
  block.finish();
  check_serving_pool(pool, model, block);
  return pool;
}

void reject_pool(YamlReader& block, std::string_view key) {
  if (const auto pool = block.find(key)) pool->fail(fmt::format("block '{}' needs layout: disaggregated", key));
}

// The keys beside `prefill` and `decode` are the defaults of both.
void read_pools(YamlReader& block, Serving& serving, const Model& model) {
  serving.aggregated = read_pool_keys(block, {});
  if (serving.layout == ServingLayout::kAggregated) {
    reject_pool(block, "prefill");
    reject_pool(block, "decode");
    return check_serving_pool(serving.aggregated, model, block);
  }
  serving.prefill = read_pool(block.require("prefill"), serving.aggregated, model);
  serving.decode = read_pool(block.require("decode"), serving.aggregated, model);
}

/// What the checkpoint says; the spec's own words come after it.
void take_checkpoint_precision(const CheckpointPrecision& checkpoint, Serving& serving) {
  if (!checkpoint.weights) return;
  serving.weights = *checkpoint.weights;
  serving.attention_weights = checkpoint.attention;
  serving.expert_weights = checkpoint.experts;
  serving.activations = checkpoint.activations;
  serving.kv_cache = checkpoint.kv_cache.value_or(Precision::kBf16);
}

void read_precision(YamlReader& serving_block, const Model& model, Serving& serving) {
  take_checkpoint_precision(model.checkpoint, serving);
  const auto value = serving_block.find("precision");
  if (!value) return;
  const Serving checkpoint = serving;
  serving.attention_weights = serving.expert_weights = serving.activations = std::nullopt;
  YamlReader block = value->map();
  const bool states_weights = block.has("weights");
  serving.weights = read_choice(block, "weights", kStoredPrecisions, checkpoint.weights);
  const auto optional = [&](const char* key) -> std::optional<Precision> {
    if (!block.has(key)) return std::nullopt;
    return read_choice(block, key, kStoredPrecisions, Precision::kBf16);
  };
  serving.attention_weights = optional("attention");
  serving.expert_weights = optional("experts");
  serving.activations = optional("activations");
  // A spec that states the weights states them all; one that states only some leaves the rest to the checkpoint.
  if (!states_weights && !serving.attention_weights) serving.attention_weights = checkpoint.attention_weights;
  if (!states_weights && !serving.expert_weights) serving.expert_weights = checkpoint.expert_weights;
  if (!states_weights && !serving.activations) serving.activations = checkpoint.activations;
  // Checkpoints in a format with arithmetic of its own bring scales for an 8-bit cache; weight-only ones do not.
  serving.kv_cache = read_choice(block, "kv_cache", kStoredPrecisions,
                                 model.checkpoint.weights          ? checkpoint.kv_cache
                                 : is_weight_only(serving.weights) ? Precision::kBf16
                                                                   : serving.weights);
  block.finish();
}

Speculative read_speculative(YamlReader block) {
  Speculative speculative;
  speculative.tokens = block.count("tokens", 1, 1024);
  speculative.acceptance_ratio = block.require("acceptance").number(0.0, 1.0);
  block.finish();
  return speculative;
}

ServingServiceTimes read_iteration_times(YamlReader block) {
  ServingServiceTimes times;
  times.base_s = block.quantity("base", Dimension::kTime, 0.0);
  times.per_sequence_s = block.quantity("per_sequence", Dimension::kTime, 0.0);
  times.per_prompt_token_s = block.quantity("per_prompt_token", Dimension::kTime, 0.0);
  times.per_context_token_s = block.quantity("per_context_token", Dimension::kTime, 0.0);
  block.finish();
  const double any = times.base_s + times.per_sequence_s + times.per_prompt_token_s + times.per_context_token_s;
  if (any <= 0.0) throw SpecError(block.location(), "every service time is 0, expected at least one above 0");
  return times;
}

void read_engine(YamlReader& block, Serving& serving) {
  if (const auto engine = block.find("engine")) serving.engine = read_choice(*engine, kEngineChoices);
  if (const auto scheduler = block.find("scheduler")) serving.scheduler = read_choice(*scheduler, kSchedulerChoices);
  if (block.has("memory_utilization"))
    serving.memory_utilization_ratio = block.number("memory_utilization", 0.01, 1.0, 0.9);
  serving.max_model_len = block.optional_count("max_model_len", 1, kMostTokens);
  serving.kv_policy_given = block.has("kv_policy");
  serving.kv_policy = read_choice(block, "kv_policy", kKvPolicyChoices, KvPolicy::kPreempt);
  if (const auto balancer = block.find("load_balancer"))
    serving.load_balancer = read_choice(*balancer, kBalancerChoices);
  serving.prefix_cache_hit_ratio = block.number("prefix_cache_hit", 0.0, 1.0, 0.0);
  if (const auto speculative = block.find("speculative")) serving.speculative = read_speculative(speculative->map());
  if (const auto times = block.find("service_times")) serving.service_times = read_iteration_times(times->map());
}

}  // namespace

Serving read_serving(YamlReader block, const Model& model, const Cluster& cluster) {
  Serving serving;
  serving.layout = read_choice(block, "layout", kLayoutChoices, ServingLayout::kAggregated);
  read_pools(block, serving, model);
  read_precision(block, model, serving);
  read_engine(block, serving);
  if (const auto scaling = block.find("autoscaling"))
    serving.autoscaling = read_autoscaling(scaling->map(), serving.aggregated.replicas);
  block.finish();
  check_serving_devices(serving, cluster, block);
  return serving;
}

}  // namespace windtunnel::modeling
