// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/json_schema.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "modeling/spec/quantity.h"
#include "modeling/spec/schema_words.h"

namespace windtunnel::modeling {
namespace {

using namespace schema;

Json model_schema() {
  const Keys keys = {
      {"name", text("shipped shape, for example llama-3.1-405b; the other keys change it")},
      {"config", text("Hugging Face config.json, relative to this file; the other keys change it")},
      {"num_hidden_layers", count(1, "transformer layers")},
      {"hidden_size", count(1, "width of the residual stream")},
      {"num_attention_heads", count(1, "query heads")},
      {"num_key_value_heads", count(0, "key and value heads, default num_attention_heads")},
      {"head_dim", count(0, "width of a head, default hidden_size / num_attention_heads")},
      {"intermediate_size", count(0, "width of the dense MLP")},
      {"vocab_size", count(1, "tokens of the vocabulary")},
      {"gated_mlp", boolean("true: three MLP matrices (SwiGLU-like); false: two; default true")},
      {"tie_word_embeddings", boolean("input embedding and output projection share one matrix, default false")},
      {"num_experts", count(0, "routed experts per layer, 0 = dense")},
      {"num_experts_per_tok", count(0, "routed experts a token visits")},
      {"moe_intermediate_size", count(0, "width of one expert, default intermediate_size")},
      {"num_shared_experts", count(0, "experts that every token visits")},
      {"first_k_dense_layers", count(0, "leading layers without experts")},
      {"num_nextn_predict_layers", count(0, "multi-token prediction modules trained behind the last layer, default 0")},
      {"q_lora_rank", count(0, "latent attention: rank of the queries, 0 = full")},
      {"kv_lora_rank", count(0, "latent attention: rank of keys and values, 0 = ordinary attention")},
      {"qk_nope_head_dim", count(0, "latent attention: head width without position")},
      {"qk_rope_head_dim", count(0, "latent attention: head width with position")},
      {"v_head_dim", count(0, "latent attention: head width of the values")},
      {"layer_types",
       list(text("full_attention, sliding_attention, chunked_attention, linear_attention, mamba, conv or none"),
            "mixer of each layer, default all alike")},
      {"mlp_layer_types", list(text("dense, sparse or none"), "feed-forward of each layer, default dense ones first")},
      {"attn_output_gate", boolean("attention output is gated by a projection of its own, default false")},
      {"sliding_window", count(0,
                               "each token attends to this many last ones at most, in the layers that slide (all, "
                               "unless layer_types says otherwise)")},
      {"attention_chunk_size", count(0, "tokens attend within pieces of so many, in the layers that are chunked")},
      {"global_head_dim", count(0, "width of a head in layers of full attention where it differs")},
      {"num_global_key_value_heads", count(0, "key and value heads of layers of full attention where they differ")},
      {"num_kv_shared_layers", count(0, "the last so many layers attend to what an earlier layer has cached")},
      {"linear_num_key_heads", count(0, "linear attention: key heads")},
      {"linear_num_value_heads", count(0, "linear attention: value heads")},
      {"linear_key_head_dim", count(0, "linear attention: width of a key head")},
      {"linear_value_head_dim", count(0, "linear attention: width of a value head")},
      {"linear_conv_kernel_dim", count(0, "linear attention: width of the convolution")},
      {"mamba_num_heads", count(0, "Mamba-2: heads")},
      {"mamba_head_dim", count(0, "Mamba-2: width of a head")},
      {"ssm_state_size", count(0, "Mamba-2: state of each column")},
      {"n_groups", count(0, "Mamba-2: groups that share B and C")},
      {"conv_kernel", count(0, "Mamba-2 and short convolutions: width")},
      {"index_n_heads", count(0, "sparse attention: heads of the indexer")},
      {"index_head_dim", count(0, "sparse attention: width of an indexer's head")},
      {"index_topk", count(0, "sparse attention: entries each token attends to, 0 = all")},
      {"moe_latent_size", count(0, "columns that the experts work on, 0 = hidden_size")},
      {"shared_expert_intermediate_size",
       count(0, "width of all shared experts together, 0 = num_shared_experts x moe_intermediate_size")}};
  return object(keys, {}, "shape of the transformer, keys as in a Hugging Face config.json");
}

Json tier_schema(const std::string& description) {
  return object({{"bandwidth", quantity(Dimension::kBytesPerSecond, "per device, one way")},
                 {"latency", time("one step of a collective, one small message")}},
                {}, description);
}

Json fabric_schema() {
  const Keys keys = {{"topology", choice({"rail_optimized_fat_tree", "fat_tree", "dual_tor", "torus", "two_tier"},
                                         "shape of the scale-out network")},
                     {"oversubscription", number(1, "downlink over uplink capacity at the leaf")},
                     {"rails", count(1, "parallel planes of the scale-out network")},
                     {"routing", choice({"ecmp", "adaptive"}, "hashed flows, or packets spread over all paths")},
                     {"flows_per_pair", count(1, "flows that carry one pair's traffic, each hashed on its own")},
                     {"leaf_devices", count(1, "devices below one leaf switch, per rail")},
                     {"pod_devices", count(1, "devices of one pod, all rails; pods meet in a third tier")},
                     {"pod_oversubscription", number(1, "capacity below over above the pod's spine")},
                     {"placement", choice({"packed", "scattered"}, "nodes of the job in rank order, or anywhere")}};
  return object(keys, {}, "overrides of the profile's fabric");
}

Json jitter_schema() {
  const Keys keys = {
      {"operator_cv", number(0, "coefficient of variation of one operator's time, independent each time")},
      {"device_cv", number(0, "coefficient of variation of device speeds over the job, constant over a step")},
      {"pause_rate", quantity(Dimension::kRate, "pauses of one node, per node")},
      {"pause_time", duration("length of such a pause; the step waits for the longest")},
      {"stall_rate", quantity(Dimension::kRate, "stalls of the whole job")},
      {"stall_time", duration("length of such a stall")}};
  return object(keys, {}, "overrides of the profile's spread of service times");
}

Json peak_schema() {
  Keys keys;
  for (int precision = 0; precision < kPrecisions; ++precision) {
    keys.emplace_back(to_string(static_cast<Precision>(precision)),
                      quantity(Dimension::kFlopPerSecond, "dense peak of one device"));
  }
  return object(keys, {}, "by precision");
}

Json device_memory_schema() {
  return object({{"bandwidth", quantity(Dimension::kBytesPerSecond, "of one device")},
                 {"capacity", quantity(Dimension::kBytes, "of one device")}},
                {}, "what if the device had other memory; default: the profile's");
}

Json cluster_schema() {
  const Keys keys = {
      {"device", text("name in hardware_profiles/devices, or a profile file relative to this one")},
      {"num_devices",
       count(1, "training: tensor x pipeline x data x context; serving: all replicas; availability: the job")},
      {"devices_per_node", count(1, "default: the profile's")},
      {"compute", object({{"peak", peak_schema()}}, {}, "what if the device computed faster; default: the profile's")},
      {"memory", device_memory_schema()},
      {"scale_up", tier_schema("inside the node or scale-up domain; default: the profile's")},
      {"scale_out", tier_schema("between the nodes; default: the profile's")},
      {"fabric", fabric_schema()},
      {"software",
       text("software generation, for example megatron-2024; an unknown one takes the nearest of its family")},
      {"jitter", jitter_schema()}};
  return object(keys, {"device", "num_devices"}, "the machine");
}

Json training_parallelism_schema() {
  const Keys keys = {
      {"tensor", count(1, "split of every matrix, default 1")},
      {"pipeline", count(1, "stages, default 1")},
      {"data", either({count(1, ""), {{"const", "auto"}}}, "replicas, default 1; auto: what the other degrees leave")},
      {"context", count(1, "split of the sequence, default 1")},
      {"expert", count(1, "split of the experts, folded over data x context x tensor, default 1")},
      {"expert_tensor", count(1, "ranks that share each expert's matrices, default by software: 1 or tensor")},
      {"virtual_stages", count(1, "model chunks per pipeline rank, default 1")}};
  return object(keys, {}, "degrees; tensor x pipeline x data x context = num_devices");
}

Json overlap_schema() {
  Keys keys;
  for (const char* group : {"tensor", "pipeline", "data", "expert", "context"}) {
    keys.emplace_back(group, boolean(fmt::format("{}-parallel communication runs beside compute", group)));
  }
  return object(keys, {}, "default: what the software generation does");
}

Json offload_schema() {
  return object({{"optimizer", ratio("share of the optimizer states, default 0; the host updates them")},
                 {"activations", ratio("share of the activations kept for the backward pass, default 0")}},
                {}, "state kept in the host's memory");
}

Json training_service_times_schema() {
  const Keys keys = {{"forward", time("one micro-batch through one whole stage")},
                     {"backward", time("the same, backward")},
                     {"scv", number(0, "squared coefficient of variation of each, default 0")},
                     {"pipeline_transfer", time("one hop, each way, default 0 s")},
                     {"data_parallel", time("once per step, default 0 s")}};
  return object(keys, {"forward", "backward"}, "your own times; they are then the only ones");
}

Json training_schema() {
  const Keys keys = {
      {"sequence_length", count(1, "tokens per sequence")},
      {"global_batch", count(1, "sequences per optimizer step, over all replicas")},
      {"micro_batch",
       count(1, "sequences per forward pass of one replica; default 1 with a pipeline, else the largest that fits")},
      {"precision", choice({"bf16", "fp16", "fp8", "mxfp8", "nvfp4"}, "compute of the linear layers, default bf16")},
      {"recompute", choice({"none", "selective", "full", "auto"}, "default auto: the least that fits")},
      {"parallelism", training_parallelism_schema()},
      {"schedule", choice({"1f1b", "interleaved", "zero_bubble", "dualpipe", "gpipe"},
                          "default interleaved when virtual_stages > 1, else 1f1b")},
      {"sequence_parallel", boolean("norms and dropout split over the tensor group, default true when tensor > 1")},
      {"zero_stage", described({{"type", "integer"}, {"minimum", 0}, {"maximum", 3}},
                               "sharding over data: 1 optimizer, 2 gradients, 3 weights; default 1")},
      {"overlap", overlap_schema()},
      {"context_exchange", choice({"ring", "all_gather", "all_to_all"},
                                  "how context ranks see each other's keys and values, default ring")},
      {"offload", offload_schema()},
      {"expert_dispatch", choice({"deduplicated", "all_to_all"},
                                 "a token crosses once per scale-up domain or once per expert, default by software")},
      {"expert_imbalance", number(1,
                                  "load of the fullest expert rank over the mean; default: expected for the software's "
                                  "spread of expert loads")},
      {"tokens", number(1, "tokens of the whole run, for time_to_train")},
      {"service_times", training_service_times_schema()}};
  return object(keys, {"global_batch"}, "a training job");
}

Json serving_parallelism_schema() {
  const Keys keys = {{"tensor", count(1, "split of every matrix, default 1")},
                     {"pipeline", count(1, "stages, default 1")},
                     {"expert", count(1, "split of the experts over up to tensor x data, default 1")},
                     {"data", count(1, "data-parallel attention groups of one replica, default 1")}};
  return object(keys, {}, "one replica is tensor x pipeline x data devices");
}

Keys pool_keys() {
  return {{"replicas", count(1, "default 1")},
          {"parallelism", serving_parallelism_schema()},
          {"max_batch", count(1, "concurrent sequences per replica, default by engine")},
          {"max_batched_tokens", count(1, "tokens of one iteration, default by engine")}};
}

Json serving_precision_schema() {
  const Names names = {"bf16", "fp16", "fp8", "nvfp4", "mxfp4", "int8", "int4"};
  return object(
      {{"weights", choice(names, "as stored; default bf16")},
       {"kv_cache", choice(names, "default as weights, 16-bit where they alone are quantised")},
       {"activations", choice(names, "of the arithmetic; default as weights where the device has it, else bf16")},
       {"attention", choice(names, "weights of the attention projections; default as weights")},
       {"experts", choice(names, "weights of routed experts; default as weights")}},
      {}, "number formats");
}

Json speculative_schema() {
  return object({{"tokens", count(1, "drafted per iteration")}, {"acceptance", ratio("of one drafted token")}},
                {"tokens", "acceptance"}, "speculative decoding");
}

Json serving_service_times_schema() {
  const Keys keys = {{"base", time("each iteration")},
                     {"per_sequence", time("for each decoding sequence")},
                     {"per_prompt_token", time("for each prompt token in the iteration")},
                     {"per_context_token", time("for each token of context of the decoding sequences")}};
  return object(keys, {}, "your own iteration time; all default 0 s");
}

Json serving_schema() {
  Keys keys = pool_keys();
  const Keys more = {
      {"layout", choice({"aggregated", "disaggregated"}, "default aggregated")},
      {"prefill", object(pool_keys(), {}, "disaggregated: the pool that reads prompts")},
      {"decode", object(pool_keys(), {}, "disaggregated: the pool that writes answers")},
      {"precision", serving_precision_schema()},
      {"engine", choice({"vllm", "trtllm", "sglang", "mindie"}, "fixed costs and defaults")},
      {"scheduler", choice({"prefill_first", "chunked_prefill"}, "default by engine")},
      {"memory_utilization", ratio("the engine's own flag: of the device (vllm, sglang), of what is free (trtllm)")},
      {"max_model_len", count(1, "longest sequence; default the model's own")},
      {"kv_policy", choice({"preempt", "reserve"}, "pages as tokens appear, or the whole length at admission")},
      {"load_balancer", choice({"random", "round_robin", "join_shortest_queue"},
                               "which replica a request goes to; default random, in closed loops the shortest queue")},
      {"prefix_cache_hit", ratio("share of prompt tokens found in the cache; default 0")},
      {"speculative", speculative_schema()},
      {"service_times", serving_service_times_schema()},
      {"autoscaling", autoscaling_schema()}};
  keys.insert(keys.end(), more.begin(), more.end());
  return object(keys, {},
                "a serving system; replicas, parallelism and batch limits here are the defaults of both pools");
}

Json traffic_class_schema() {
  const Keys keys = {{"name", text("default class1, class2, ...")},
                     {"share", ratio("of the requests; the shares sum to 1; default 1")},
                     {"priority", count(-1'000'000, "smaller is served first; default 0")},
                     {"prompt_tokens", token_count("tokens read")},
                     {"output_tokens", token_count("tokens written")}};
  return object(keys, {"prompt_tokens", "output_tokens"}, "");
}

Json traffic_schema() {
  const Json unlimited = {{"const", "unlimited"}};
  const Keys keys = {
      {"concurrency", either({count(1, ""), unlimited}, "closed loop: requests always present")},
      {"arrival_rate", quantity(Dimension::kRate, "open loop")},
      {"arrival_scv", number(0, "squared coefficient of variation between arrivals, default 1")},
      {"arrival_correlation", number(0, "of neighbouring interarrival times, below (scv - 1) / (2 scv)")},
      {"arrival_dispersion", number(1, "variance over mean of the arrivals in a long time")},
      {"trace", text("CSV with arrival_s,prompt_tokens,output_tokens, relative to this file")},
      {"requests", count(1, "start empty and stop after so many arrivals")},
      {"classes", list(traffic_class_schema(), "kinds of requests")}};
  return object(keys, {}, "exactly one of concurrency, arrival_rate and trace");
}

Json slo_schema() {
  Keys keys;
  for (const char* measure : {"ttft", "tpot", "e2e"}) {
    for (const char* statistic : {"mean", "p50", "p90", "p99"}) {
      keys.emplace_back(fmt::format("{}_{}", measure, statistic), time("upper limit"));
    }
  }
  return object(keys, {}, "service level objective");
}

Json requirement(const std::string& study, const Names& required) {
  return {{"if", {{"properties", {{"study", {{"const", study}}}}}}}, {"then", {{"required", required}}}};
}

Json spec_schema() {
  const Keys keys = {{"study", choice({"training", "serving", "availability"}, "the question")},
                     {"model", model_schema()},
                     {"cluster", cluster_schema()},
                     {"training", training_schema()},
                     {"serving", serving_schema()},
                     {"traffic", traffic_schema()},
                     {"slo", slo_schema()},
                     {"transient", transient_schema()},
                     {"reliability", reliability_schema()}};
  return object(keys, {"study", "cluster"}, "a question to windtunnel");
}

}  // namespace

std::string json_schema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "windtunnel spec"}};
  schema.update(spec_schema());
  schema["allOf"] = Json::array({requirement("training", {"training"}), requirement("serving", {"serving", "traffic"}),
                                 requirement("availability", {"reliability"})});
  return schema.dump(2) + "\n";
}

}  // namespace windtunnel::modeling
