// SPDX-License-Identifier: Apache-2.0
// Training with a reliability block, from spec text to report.
#include <cmath>

#include "modeling/chains/health/checkpointing.h"
#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "test/catch.h"
#include "test/modeling/report_values.h"

using namespace windtunnel::modeling;

namespace {

// 1,024 GPUs for two weeks: 128 nodes that fail once a month each, a stop every 5.6 h.
const std::string kJob = R"(
study: training
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 1024, software: megatron-2024, jitter: {operator_cv: 0, device_cv: 0, pause_rate: 0 /s, stall_rate: 0 /s, stall_time: 0 s}}
training: {sequence_length: 4096, global_batch: 1024, tokens: 1e12, parallelism: {tensor: 2, pipeline: 2, data: 256}}
reliability:
  failure_rates: {node: 1 /month}
  repair_time: {mean: 1 d, scv: 1}
  spares: {nodes: 30, kind: cold}
  checkpoint: {interval: 10 min, blocking: 5 s}
  restart_time: 5 min
)";

Report answer(const std::vector<YamlOverride>& overrides = {}) {
  return evaluate(read_spec(YamlDocument::parse(kJob, "spec.yaml", overrides)));
}

}  // namespace

TEST_CASE("with plenty of spares goodput is the productive share of the checkpoint formula",
          "[studies][training][health]") {
  const Report report = answer();
  const double rate = 128.0 / (365.25 / 12 * 86400);
  const CheckpointShares shares = checkpoint_shares({.failure_per_s = rate, .blocking_s = 5, .restart = {300}}, 600);
  CHECK(value(report, "job_mttf_s") == Approx(1 / rate).epsilon(1e-12));
  CHECK(value(report, "goodput_ratio") == Approx(shares.productive_ratio).epsilon(1e-9));
  CHECK(value(report, "ettr_ratio") == Approx(shares.productive_ratio).epsilon(1e-9));
  CHECK(value(report, "goodput_tokens_per_s") ==
        Approx(value(report, "tokens_per_s_per_device") * 1024 * shares.productive_ratio).epsilon(1e-9));
  // The mean of the run is the work over the goodput; the spread of a run of weeks is small.
  CHECK(value(report, "time_to_train_mean_s") ==
        Approx(value(report, "time_to_train_without_failures_s") / shares.productive_ratio).epsilon(1e-3));
  CHECK(value(report, "time_to_train_p99_s") > value(report, "time_to_train_p50_s"));
  CHECK(value(report, "time_to_train_p50_s") > value(report, "time_to_train_without_failures_s"));
}

TEST_CASE("activities with failures still sum to 1 and hold recovery", "[studies][training][health]") {
  const Report report = answer({{"reliability.spares.nodes", "4"}});
  CHECK(sum(report, "activity") == Approx(1).epsilon(1e-12));
  CHECK(sum(report, "time") == Approx(1).epsilon(1e-12));
  CHECK(entry(report, "activity", "checkpoint") == Approx(entry(report, "time", "checkpoint")).epsilon(1e-12));
  CHECK(entry(report, "activity", "failed") == Approx(entry(report, "time", "waiting_for_nodes")).epsilon(1e-12));
  CHECK(entry(report, "activity", "failed") > 0.01);
}

TEST_CASE("the checkpoint's size comes from the model when nothing is stated", "[studies][training][health]") {
  // 14 bytes for each of 8.03e9 parameters over 1 GB/s of each of 128 nodes: 0.88 s.
  const Report report = answer({{"reliability.checkpoint", "{interval: 10 min}"}});
  const double blocking_s = 600 * entry(report, "time", "checkpoint") / entry(report, "time", "productive");
  CHECK(blocking_s == Approx(8.03e9 * 14 / 128e9).epsilon(0.01));
  const Report stated = answer({{"reliability.checkpoint", "{interval: 10 min, size: 112 GB, bandwidth: 28 GB/s}"}});
  CHECK(600 * entry(stated, "time", "checkpoint") / entry(stated, "time", "productive") == Approx(4).epsilon(1e-9));
}

TEST_CASE("an elastic job runs on where a rigid one waits", "[studies][training][health]") {
  const std::vector<YamlOverride> few = {{"reliability.spares.nodes", "3"}};
  std::vector<YamlOverride> elastic = few;
  elastic.push_back({"reliability.elastic", "{most_missing: 8, resize_time: 30 s}"});
  const Report rigid = answer(few);
  const Report flexible = answer(elastic);
  CHECK(entry(flexible, "time", "waiting_for_nodes") < 0.1 * entry(rigid, "time", "waiting_for_nodes"));
  CHECK(value(flexible, "goodput_ratio") > value(rigid, "goodput_ratio"));
  // One node of 128 missing costs its two replicas of 256, not the job.
  CHECK(value(flexible, "goodput_ratio") < value(flexible, "ettr_ratio"));
  CHECK(value(flexible, "time_to_train_p99_s") < value(rigid, "time_to_train_p99_s"));
}

TEST_CASE("a deadline is met with the probability of the quantiles", "[studies][training][health]") {
  const Report report = answer();
  const std::string p99 = std::to_string(value(report, "time_to_train_p99_s")) + " s";
  CHECK(value(answer({{"reliability.deadline", p99}}), "deadline_met_probability") == Approx(0.99).epsilon(1e-6));
}

TEST_CASE("cost and energy follow the run", "[studies][training][health]") {
  const Report report = answer({{"reliability.price_per_device_hour", "2"}, {"reliability.power_per_device", "1 kW"}});
  const double hours = value(report, "time_to_train_mean_s") / 3600;
  CHECK(value(report, "cost_mean") == Approx(2 * hours * 1024 * (1 + 30.0 / 128)).epsilon(1e-12));
  CHECK(value(report, "energy_mean_j") == Approx(1000 * 1024 * hours * 3600).epsilon(1e-12));
}

TEST_CASE("slow links cost what the training model says of them", "[studies][training][health]") {
  const Report report = answer({{"reliability.failure_rates", "null"}});
  CHECK(entry(report, "fail_slow", "link degraded.speed_ratio") < 1.0);
  CHECK(entry(report, "fail_slow", "link degraded.speed_ratio") > 0.7);
  // 1,024 links that degrade at 1e-5 /h for 24 min each: 1 - (1 - p)^1024.
  const double p = 1e-5 * 0.4 / (1 + 1e-5 * 0.4);
  CHECK(entry(report, "fail_slow", "link degraded.time_ratio") == Approx(1 - std::pow(1 - p, 1024)).epsilon(1e-9));
  CHECK(value(report, "goodput_ratio") < value(report, "ettr_ratio"));
  const Report ignored = answer({{"reliability.failure_rates", "null"}, {"reliability.fail_slow", "ignore"}});
  CHECK(value(ignored, "goodput_ratio") == Approx(value(ignored, "ettr_ratio")).epsilon(1e-12));
}

TEST_CASE("a job that never fails only writes checkpoints", "[studies][training][health]") {
  const Report report = answer({{"reliability.failure_rates", "{node: 0 /d}"}});
  CHECK(value(report, "goodput_ratio") == Approx(600.0 / 605).epsilon(1e-12));
  CHECK(value(report, "time_to_train_p99_s") ==
        Approx(value(report, "time_to_train_without_failures_s") * 605 / 600).epsilon(1e-6));
}
