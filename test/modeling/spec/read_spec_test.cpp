// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/read_spec.h"

#include <filesystem>

#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

const std::string kTraining = R"(study: training
model:
  num_hidden_layers: 126
  hidden_size: 16384
  num_attention_heads: 128
  num_key_value_heads: 8
  intermediate_size: 53248
  vocab_size: 128256
cluster:
  device: h100-sxm-80gb
  num_devices: 16384
  scale_out: {bandwidth: 400 Gb/s, latency: 8 us}
  software: megatron-2024
training:
  sequence_length: 8192
  global_batch: 2048
  recompute: none
  parallelism: {tensor: 8, pipeline: 16, data: 128, virtual_stages: 8}
  zero_stage: 2
  tokens: 15.6e12
)";

const std::string kServing = R"(study: serving
model: {name: llama-2-70b}
cluster: {device: h100-sxm-80gb, num_devices: 8}
serving:
  precision: {weights: fp8}
  parallelism: {tensor: 8}
  engine: vllm
traffic:
  arrival_rate: 12 /s
  classes:
    - {name: chat, share: 0.75, prompt_tokens: 1024, output_tokens: {mean: 256, scv: 1.0}}
    - {name: essay, share: 0.25, prompt_tokens: {mean: 921.6, scv: 0.0041}, output_tokens: 2048}
slo: {ttft_p99: 2 s, tpot_p99: 50 ms}
)";

const std::string kAvailability = R"(study: availability
cluster: {device: h100-sxm-80gb, num_devices: 16384}
reliability:
  horizon: 54 d
  failure_rates: {node: 0.00379 /d}
  repair_time: {mean: 1 d, scv: 1}
  repair_crews: unlimited
  spares: {nodes: 18, kind: cold}
  checkpoint: {interval: optimal, blocking: 10 s}
  restart_time: 5 min
  domains: [{name: leaf switch, nodes: 32, rate: 0.0000379 /d, repair_time: 4 h}]
)";

Spec read(const std::string& text, const std::vector<YamlOverride>& overrides = {}) {
  return read_spec(YamlDocument::parse(text, "f.yaml", overrides));
}

std::string error_of(const std::string& text, const std::vector<YamlOverride>& overrides = {}) {
  try {
    read(text, overrides);
  } catch (const SpecError& error) {
    return error.what();
  }
  return "no error";
}

/// The message with one key of the training spec set to another value.
std::string training_error(const std::string& path, const std::string& value) {
  return error_of(kTraining, {{path, value}});
}

std::string serving_error(const std::string& path, const std::string& value) {
  return error_of(kServing, {{path, value}});
}

}  // namespace

TEST_CASE("a training spec is read in SI with its defaults", "[spec][read]") {
  const Spec spec = read(kTraining);
  CHECK(spec.file == "f.yaml");
  CHECK(spec.study == Study::kTraining);
  CHECK(spec.model.head_dim == 128);
  CHECK(spec.model.gated_mlp);
  CHECK(spec.cluster.num_devices == 16384);
  CHECK(spec.cluster.scale_out.bandwidth_bytes_per_s == 50e9);
  CHECK(spec.cluster.scale_out.latency_s == Approx(8e-6));
  CHECK(to_string(spec.cluster.device_location) == "f.yaml:10:11");
  REQUIRE(spec.training.has_value());
  CHECK(spec.training->micro_batch == 0);  // not given: chosen later
  CHECK(spec.training->precision == Precision::kBf16);
  CHECK(spec.training->recompute == Recompute::kNone);
  CHECK(spec.training->schedule == PipelineSchedule::kInterleaved);
  CHECK(spec.training->sequence_parallel);
  CHECK(spec.training->zero_stage == 2);
  CHECK(spec.training->tokens == 15.6e12);
  CHECK_FALSE(spec.training->overlap.tensor.has_value());
  CHECK(spec.training->context_exchange == ContextExchange::kRing);
  CHECK(spec.training->offload.optimizer_share == 0.0);
  CHECK(spec.model.num_nextn_predict_layers == 0);
  CHECK_FALSE(spec.serving.has_value());
  CHECK_FALSE(spec.reliability.has_value());
}

TEST_CASE("defaults of training follow the layout", "[spec][read]") {
  const Spec spec = read(kTraining, {{"training.parallelism", "{pipeline: 16, data: 1024}"},
                                     {"training.zero_stage", "null"},
                                     {"training.recompute", "null"}});
  CHECK(spec.training->schedule == PipelineSchedule::kOneForwardOneBackward);
  CHECK_FALSE(spec.training->sequence_parallel);
  CHECK(spec.training->zero_stage == 1);
  CHECK(spec.training->recompute == Recompute::kAuto);
}

TEST_CASE("a serving spec is read with its traffic and limits", "[spec][read]") {
  const Spec spec = read(kServing);
  REQUIRE(spec.serving.has_value());
  CHECK(spec.model.name == "llama-2-70b");
  CHECK(spec.model.num_hidden_layers == 80);
  CHECK(spec.serving->weights == Precision::kFp8);
  CHECK(spec.serving->kv_cache == Precision::kFp8);
  CHECK(spec.serving->aggregated.parallelism.tensor == 8);
  CHECK_FALSE(spec.serving->aggregated.max_batch.has_value());
  CHECK_FALSE(spec.serving->scheduler.has_value());
  CHECK(spec.traffic.arrival_rate_per_s == 12.0);
  REQUIRE(spec.traffic.classes.size() == 2);
  CHECK(spec.traffic.classes[0].output_tokens.scv == 1.0);
  CHECK(spec.traffic.classes[1].prompt_tokens.mean == 921.6);
  CHECK(spec.slo.at("ttft_p99") == 2.0);
  CHECK(spec.slo.at("tpot_p99") == Approx(0.05));
}

TEST_CASE("an availability spec is read", "[spec][read]") {
  const Spec spec = read(kAvailability);
  REQUIRE(spec.reliability.has_value());
  CHECK(spec.reliability->horizon_s == 54.0 * 86400.0);
  CHECK(spec.reliability->failure_rates_per_s.at("node") == Approx(0.00379 / 86400.0));
  CHECK(spec.reliability->repair_time->scv == 1.0);
  CHECK_FALSE(spec.reliability->repair_crews.has_value());
  CHECK(spec.reliability->spare_nodes == 18);
  CHECK_FALSE(spec.reliability->checkpoint_interval_s.has_value());
  CHECK(spec.reliability->checkpoint_blocking_s == 10.0);
  CHECK(spec.reliability->restart_time->mean_s == 300.0);
  REQUIRE(spec.reliability->domains.size() == 1);
  CHECK(spec.reliability->domains[0].repair_time.mean_s == 14400.0);
}

TEST_CASE("disaggregated pools take the keys beside them as defaults", "[spec][read]") {
  const Spec spec = read(kServing, {{"serving.layout", "disaggregated"},
                                    {"serving.parallelism", "{tensor: 2}"},
                                    {"serving.prefill", "{replicas: 3, max_batch: 4}"},
                                    {"serving.decode", "{replicas: 1}"}});
  CHECK(spec.serving->prefill.replicas == 3);
  CHECK(spec.serving->prefill.max_batch == 4);
  CHECK(spec.serving->decode.parallelism.tensor == 2);
}

TEST_CASE("own service times need no model", "[spec][read]") {
  const Spec spec = read(kTraining, {{"model", "null"},
                                     {"training.sequence_length", "null"},
                                     {"training.service_times", "{forward: 10 ms, backward: 20 ms, scv: 0.01}"}});
  CHECK(spec.model.num_hidden_layers == 0);
  CHECK(spec.training->service_times->backward_s == Approx(0.02));
  CHECK(spec.training->service_times->pipeline_transfer_s == 0.0);
}

TEST_CASE("keys beside a model's name change the shape", "[spec][read]") {
  CHECK(read(kServing, {{"model.num_hidden_layers", "12"}}).model.num_hidden_layers == 12);
  CHECK(read(kServing, {{"model.name", "Llama-3.1-70B"}}).model.name == "llama-3.1-70b");
}

TEST_CASE("what is impossible by arithmetic is refused with both numbers", "[spec][read][messages]") {
  CHECK(training_error("training.parallelism.data", "64") ==
        "f.yaml:18:16: tensor 8 x pipeline 16 x data 64 x context 1 = 8192, but num_devices is 16384");
  CHECK(training_error("training.parallelism", "{tensor: 16, pipeline: 16, data: 64, expert: 2, virtual_stages: 8}") ==
        "--set training.parallelism:1:46: expert is 2, but the model has no experts");
  CHECK(training_error("model.num_attention_heads", "100") ==
        "f.yaml:6:24: num_attention_heads 100 is not a multiple of num_key_value_heads 8");
  CHECK(training_error(
            "model",
            "{num_hidden_layers: 4, hidden_size: 96, num_attention_heads: 12, intermediate_size: 8, vocab_size: 9}") ==
        "f.yaml:18:25: num_attention_heads 12 is not divisible by tensor 8");
  CHECK(training_error("model",
                       "{num_hidden_layers: 4, hidden_size: 144, num_attention_heads: 72, num_key_value_heads: 12, "
                       "intermediate_size: 8, vocab_size: 9}") ==
        "f.yaml:18:25: num_key_value_heads 12 is not divisible by tensor 8");
  CHECK(training_error("training.global_batch", "2000") ==
        "--set training.global_batch:1:1: global_batch 2000 is not divisible by data 128 x micro_batch 1 = 128");
  CHECK(training_error("training.micro_batch", "32") ==
        "f.yaml:16:17: global_batch 2048 is not divisible by data 128 x micro_batch 32 = 4096");
  CHECK(error_of(kTraining, {{"training.parallelism", "{tensor: 8, pipeline: 16, data: 4, context: 32}"},
                             {"training.context_exchange", "all_to_all"}}) ==
        "--set training.context_exchange:1:1: num_attention_heads 128 is not divisible by tensor 8 x context 32, which "
        "all_to_all needs");
  CHECK(error_of(kTraining, {{"reliability.checkpoint", "{network: scale_out}"}}) ==
        "--set reliability.checkpoint:1:11: nothing is written beside the steps, scale_out needs write_time or memory");
  CHECK(error_of(kTraining, {{"reliability.checkpoint", "{network: scale_out, write_time: 1 min}"}}) ==
        "--set reliability.checkpoint:1:11: scale_out needs a stated interval, found optimal");
  CHECK(training_error("training.offload", "{optimizer: 1.5}") ==
        "--set training.offload:1:13: found '1.5', expected a number from 0 to 1");
  CHECK(
      training_error("training.schedule", "1f1b") ==
      "--set training.schedule:1:1: schedule has one stage per device, but virtual_stages is 8, expected interleaved");
  CHECK(training_error("training.parallelism", "{tensor: 8, data: 2048, virtual_stages: 2}") ==
        "--set training.parallelism:1:41: virtual_stages is 2, but pipeline is 1");
  CHECK(training_error("model.num_hidden_layers", "12") ==
        "f.yaml:18:38: pipeline 16 leaves stages empty, num_hidden_layers is 12");
  CHECK(serving_error("serving.replicas", "2") ==
        "f.yaml:6:16: replicas x tensor x pipeline x data = 16, but num_devices is 8");
  CHECK(serving_error("serving.load_balancer", "fastest") ==
        "--set serving.load_balancer:1:1: unknown value 'fastest', expected one of random, round_robin, "
        "join_shortest_queue");
  CHECK(serving_error("serving.parallelism", "{tensor: 8, expert: 2}") ==
        "--set serving.parallelism:1:21: expert is 2, but the model has no experts");
}

TEST_CASE("a model that contradicts itself is refused", "[spec][read][messages]") {
  CHECK(training_error("model.hidden_size", "1000") ==
        "f.yaml:5:24: hidden_size 1000 is not a multiple of num_attention_heads 128, give head_dim");
  CHECK(training_error("model.num_experts_per_tok", "2") ==
        "--set model.num_experts_per_tok:1:1: num_experts_per_tok is 2, but num_experts is 0");
  CHECK(error_of(kTraining, {{"model.num_experts", "8"}, {"model.num_experts_per_tok", "9"}}) ==
        "--set model.num_experts_per_tok:1:1: num_experts_per_tok 9 is not from 1 to num_experts 8");
  CHECK(training_error("model.kv_lora_rank", "512") ==
        "--set model.kv_lora_rank:1:1: latent attention needs qk_nope_head_dim, qk_rope_head_dim and v_head_dim");
  CHECK(training_error("model.q_lora_rank", "512") == "f.yaml:3:3: latent attention needs kv_lora_rank");
  CHECK(serving_error("model.name", "llama-2-7") ==
        "--set model.name:1:1: unknown model 'llama-2-7', did you mean 'llama-2-7b'?");
  CHECK(serving_error("model.config", "x.json") ==
        "--set model.config:1:1: 'name' and 'config' both give the shape, expected one of them");
}

TEST_CASE("wrong keys and values say what was expected", "[spec][read][messages]") {
  CHECK(training_error("training.recomput", "full") ==
        "--set training.recomput:1:1: unknown key 'recomput', did you mean 'recompute'?");
  CHECK(training_error("training.recompute", "ful") ==
        "--set training.recompute:1:1: unknown value 'ful', expected one of none, selective, full, auto, did you mean "
        "'full'?");
  CHECK(training_error("training.zero_stage", "4") ==
        "--set training.zero_stage:1:1: found '4', expected a whole number from 0 to 3");
  CHECK(training_error("training.expert_imbalance", "0.9") ==
        "--set training.expert_imbalance:1:1: found '0.9', expected a number from 1 to 1000000000");
  CHECK(training_error("cluster.scale_out.bandwidth", "400") ==
        "--set cluster.scale_out.bandwidth:1:1: '400' has no unit, expected a bandwidth such as 3.35 TB/s");
  CHECK(training_error("cluster.scale_out.bandwidth", "0 B/s") ==
        "--set cluster.scale_out.bandwidth:1:1: found '0 B/s', expected more than 0");
  CHECK(training_error("study", "trainin") ==
        "--set study:1:1: unknown value 'trainin', expected one of training, serving, availability, did you mean "
        "'training'?");
  CHECK(training_error("training.global_batch", "null") == "f.yaml:15:3: missing key 'global_batch'");
  CHECK(training_error("traffic", "{concurrency: 1}") ==
        "--set traffic:1:1: unknown key 'traffic', expected one of study, cluster, training, model, reliability");
  CHECK(error_of(kAvailability, {{"reliability.failure_rates", "{nod: 1 /d}"}}) ==
        "--set reliability.failure_rates:1:2: unknown key 'nod', did you mean 'node'?");
}

TEST_CASE("traffic is exactly one kind of arrivals and shares of one", "[spec][read][messages]") {
  CHECK(serving_error("traffic.concurrency", "64") ==
        "f.yaml:9:3: 2 of concurrency, arrival_rate and trace are given, expected exactly one");
  CHECK(serving_error("traffic.arrival_rate", "null") ==
        "f.yaml:9:3: none of concurrency, arrival_rate and trace are given, expected exactly one");
  CHECK(serving_error("traffic.classes.0.share", "0.7") ==
        "f.yaml:11:5: shares of the classes sum to 0.95, expected 1");
  CHECK(serving_error("traffic.classes.1.name", "chat") ==
        "--set traffic.classes.1.name:1:1: two classes are called 'chat'");
  CHECK(serving_error("traffic.classes.0.output_tokens.scv", "-1") ==
        "--set traffic.classes.0.output_tokens.scv:1:1: found '-1', expected a number from 0 to 1000");
  CHECK(serving_error("traffic.classes", "[]") ==
        "--set traffic.classes:1:1: found an empty list, expected at least one class");
  CHECK(error_of(kServing, {{"traffic.arrival_rate", "null"}, {"traffic.concurrency", "unlimited"}}) == "no error");
  CHECK(
      serving_error("traffic.classes.0.priority", "high") ==
      "--set traffic.classes.0.priority:1:1: 'high' is not a number, expected a whole number from -1000000 to 1000000");
  CHECK(serving_error("traffic.classes.0.priority", "-5") == "no error");
  CHECK(error_of(kServing, {{"traffic.arrival_rate", "null"},
                            {"traffic.concurrency", "unlimited"},
                            {"traffic.classes.1.priority", "2"}}) ==
        "--set traffic.classes.1.priority:1:1: found different priorities with concurrency: unlimited, where only the "
        "first would ever be served, expected one priority, or 'requests'");
  CHECK(error_of(kServing,
                 {{"traffic.arrival_rate", "null"}, {"traffic.concurrency", "64"}, {"traffic.arrival_scv", "2"}}) ==
        "--set traffic.arrival_scv:1:1: arrival_scv needs arrival_rate");
  CHECK(serving_error("traffic.arrival_correlation", "0.2") ==
        "--set traffic.arrival_correlation:1:1: arrival_correlation needs arrival_rate and an arrival_scv above 1");
  CHECK(error_of(kServing, {{"traffic.arrival_scv", "4"}, {"traffic.arrival_correlation", "0.4"}}) ==
        "--set traffic.arrival_correlation:1:1: found a correlation of 0.4, expected one below (scv - 1) / (2 scv) = "
        "0.375");
  CHECK(error_of(kServing, {{"traffic.arrival_scv", "4"}, {"traffic.arrival_dispersion", "3"}}) ==
        "--set traffic.arrival_dispersion:1:1: found a dispersion of 3, expected at least arrival_scv, 4");
  CHECK(error_of(kServing, {{"traffic.arrival_scv", "4"},
                            {"traffic.arrival_correlation", "0.3"},
                            {"traffic.arrival_dispersion", "9"}}) ==
        "--set traffic.arrival_dispersion:1:1: arrival_dispersion beside arrival_correlation, expected at most one of "
        "them");
  CHECK(error_of(kServing, {{"traffic.arrival_scv", "4"}, {"traffic.arrival_dispersion", "9"}}) == "no error");
  CHECK(serving_error("serving.prefill", "{replicas: 1}") ==
        "--set serving.prefill:1:1: block 'prefill' needs layout: disaggregated");
}

TEST_CASE("degrees too large to multiply do not overflow", "[spec][read][messages]") {
  CHECK(training_error("training.parallelism", "{tensor: 1e8, pipeline: 1e8, data: 1e8, context: 1e8}") ==
        "--set training.parallelism:1:1: tensor 100000000 x pipeline 100000000 x data 100000000 x context 100000000 = "
        "100000000000000005366162204393472, but num_devices is 16384");
  CHECK(training_error("training.micro_batch", "1e9") ==
        "f.yaml:16:17: global_batch 2048 is not divisible by data 128 x micro_batch 1000000000 = 128000000000");
}

TEST_CASE("specs of measured runs are read", "[spec][read]") {
  // Written by score.py of the accuracy cases: uneven stages (T0427), experts folded over more than data (T0424,
  // T0112), no recompute stated (T0112, J016), 128 heads over 72 devices with latent attention (IX-0139a), open loops,
  // domains.
  const std::string folder = WINDTUNNEL_SOURCE_DIR "/test/modeling/spec/data";
  int read_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    INFO(entry.path());
    CHECK_NOTHROW(load_spec(entry.path().string()));
    ++read_files;
  }
  CHECK(read_files == 11);
}

TEST_CASE("files named in a spec are relative to it", "[spec][read]") {
  const std::string folder = WINDTUNNEL_SOURCE_DIR "/test/modeling/spec/data";
  const auto document = YamlDocument::parse(
      "study: serving\nmodel: {config: qwen3-8b.json}\ncluster: {device: ./mine.yaml, num_devices: 1}\nserving: {}\n"
      "traffic: {trace: t.csv}\n",
      folder + "/spec.yaml");
  const Spec spec = read_spec(document);
  CHECK(spec.model.num_hidden_layers == 36);
  CHECK(spec.cluster.device == folder + "/mine.yaml");
  CHECK(spec.traffic.trace_file == folder + "/t.csv");
}

TEST_CASE("data: auto takes what the other degrees leave", "[spec][read]") {
  const std::string text = R"(study: training
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 64}
training: {sequence_length: 1024, global_batch: 64, parallelism: {tensor: 4, pipeline: 2, data: auto}}
)";
  CHECK(read_spec(YamlDocument::parse(text, "a.yaml")).training->parallelism.data == 8);
  CHECK_THROWS_WITH(read_spec(YamlDocument::parse(text, "a.yaml", {{"cluster.num_devices", "68"}})),
                    ContainsSubstring("tensor 4 x pipeline 2 x data 8 x context 1 = 64, but num_devices is 68"));
}
