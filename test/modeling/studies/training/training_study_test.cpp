// SPDX-License-Identifier: Apache-2.0
// The training study from spec text to report, on shipped shapes and profiles.
#include <fmt/format.h>

#include <cmath>

#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"
#include "modeling/spec/spec_error.h"
#include "test/catch.h"

using namespace windtunnel::modeling;

namespace {

Report answer(const std::string& text, const std::vector<YamlOverride>& overrides = {}) {
  return evaluate(read_spec(YamlDocument::parse(text, "spec.yaml", overrides)));
}

double value(const Report& report, const std::string& name) {
  INFO(report.failure);
  const auto found = find_measure(report, name);
  REQUIRE(found);
  return *found;
}

const std::string kLlama405B = R"(
study: training
model: {name: llama-3.1-405b}
cluster: {device: h100-sxm-80gb, num_devices: 16384, software: llama3-2024}
training:
  sequence_length: 8192
  global_batch: 2048
  recompute: none
  sequence_parallel: true
  zero_stage: 2
  parallelism: {tensor: 8, pipeline: 16, data: 128, virtual_stages: 8}
)";

const std::string kSmall = R"(
study: training
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 8, software: megatron-2024, jitter: {operator_cv: 0, device_cv: 0, pause_rate: 0 /s, stall_rate: 0 /s, stall_time: 0 s}}
training: {sequence_length: 4096, global_batch: 16, parallelism: {tensor: 2, pipeline: 2, data: 2}}
)";

}  // namespace

TEST_CASE("The spread of a user's own stage times is that of the schedule's graph", "[studies][training]") {
  // Event simulation of 4 stages x 16 micro-batches, scv 0.25: 43.0 ms; of 16 x 64, scv 0.01: 13.5 ms. One stage is a
  // sum: 64 x 30.001 ms, and its median and mean agree as a sum's do.
  const auto measures = [](Count pipeline, Count batch, double scv, const char* forward, const char* backward) {
    const std::string text = fmt::format(
        "study: training\nmodel: {{name: llama-3.1-8b}}\n"
        "cluster: {{device: h100-sxm-80gb, num_devices: {0}}}\n"
        "training: {{sequence_length: 1024, global_batch: {1}, micro_batch: 1, schedule: 1f1b,\n"
        "  parallelism: {{tensor: 1, pipeline: {0}, data: 1}},\n"
        "  service_times: {{forward: {2}, backward: {3}, scv: {4}}}}}\n",
        pipeline, batch, forward, backward, scv);
    return answer(text);
  };
  CHECK(value(measures(4, 16, 0.25, "10 ms", "20 ms"), "step_time_std_s") == Approx(0.0430).epsilon(0.05));
  CHECK(value(measures(16, 64, 0.01, "10 ms", "20 ms"), "step_time_std_s") == Approx(0.0135).epsilon(0.05));
  const Report one = measures(1, 64, 0.25, "1 us", "30 ms");
  CHECK(value(one, "step_time_mean_s") == Approx(64 * 0.030001));
  CHECK(value(one, "step_time_p50_s") == Approx(64 * 0.030001).epsilon(0.01));
}

TEST_CASE("Llama 3.1 405B on 16,384 H100 lands where the published runs are", "[studies][training]") {
  const Report report = answer(kLlama405B);
  // Published MFU 0.38 to 0.43 (arXiv:2407.21783, table 4).
  CHECK(value(report, "mfu_ratio") > 0.36);
  CHECK(value(report, "mfu_ratio") < 0.45);
  CHECK(value(report, "step_time_p50_s") < value(report, "step_time_p95_s"));
  CHECK(value(report, "step_time_p95_s") < value(report, "step_time_p99_s"));
  CHECK(value(report, "memory_fits") == 1.0);
}

TEST_CASE("activity shares sum to 1 and the memory kinds to the total", "[studies][training]") {
  const Report report = answer(kLlama405B);
  const auto sum = [&](const std::string& name) {
    for (const Breakdown& breakdown : report.breakdowns) {
      if (breakdown.name != name) continue;
      double total = 0.0;
      for (const Measure& entry : breakdown.entries) total += entry.value.value();
      return total;
    }
    return -1.0;
  };
  CHECK(sum("activity") == Approx(1.0).epsilon(1e-12));
  CHECK(sum("memory_bytes") == Approx(value(report, "memory_per_device_bytes")).epsilon(1e-12));
}

TEST_CASE("every chain is named with its method, states and residual", "[studies][training]") {
  const Report report = answer(kLlama405B);
  REQUIRE(report.chains.size() >= 4);
  for (const ChainRecord& chain : report.chains) {
    CAPTURE(chain.name);
    CHECK(chain.states > 0);
    CHECK_FALSE(chain.method_used.empty());
    CHECK(chain.residual <= 1e-10);
  }
}

TEST_CASE("the user's own service times give the textbook pipeline", "[studies][training]") {
  // 1F1B: (n + p - 1)(f + b) = (8 + 3) x 30 ms; data_parallel 40 ms after it.
  const std::string text = R"(
study: training
model: {name: llama-3.1-8b}
cluster: {device: h100-sxm-80gb, num_devices: 8}
training:
  sequence_length: 4096
  global_batch: 16
  schedule: 1f1b
  parallelism: {pipeline: 4, data: 2}
  service_times: {forward: 10 ms, backward: 20 ms, scv: 0, pipeline_transfer: 0 s, data_parallel: 40 ms}
)";
  const Report report = answer(text);
  CHECK(value(report, "step_time_mean_s") == Approx(11.0 * 0.030 + 0.040).epsilon(1e-12));
  CHECK(value(report, "step_time_std_s") == 0.0);
}

TEST_CASE("more bandwidth or FLOP/s never slow a step, more layers never speed it up", "[studies][training]") {
  const double base = value(answer(kSmall), "step_time_mean_s");
  CHECK(value(answer(kSmall, {{"cluster.scale_up.bandwidth", "900 GB/s"}}), "step_time_mean_s") <= base);
  CHECK(value(answer(kSmall, {{"cluster.scale_up.bandwidth", "100 GB/s"}}), "step_time_mean_s") >= base);
  CHECK(value(answer(kSmall, {{"training.overlap", "{tensor: false, pipeline: false, data: false}"}}),
              "step_time_mean_s") >= base);
  CHECK(value(answer(kSmall, {{"training.recompute", "full"}}), "step_time_mean_s") > base);
}

TEST_CASE("a job that cannot fit says which memory is short", "[studies][training]") {
  const Report report =
      answer(kLlama405B, {{"training.parallelism", "{tensor: 1, pipeline: 1, data: 16384, virtual_stages: 1}"},
                          {"training.global_batch", "16384"},
                          {"training.zero_stage", "0"}});
  CHECK_THAT(
      report.failure,
      ContainsSubstring("does not fit: weights, gradients and optimizer alone exceed the device's memory: weights "));
}

TEST_CASE("activations that do not fit are a warning and memory_fits 0", "[studies][training]") {
  const Report report = answer(kSmall, {{"training.micro_batch", "8"}, {"training.sequence_length", "16384"}});
  CHECK(value(report, "memory_fits") == 0.0);
  REQUIRE(report.warnings.size() == 1);
  CHECK_THAT(report.warnings.front(), ContainsSubstring("activations do not fit in the device's memory: weights "));
}

TEST_CASE("a mixture of experts spends time on exchanging tokens, a dense model none", "[studies][training]") {
  const auto expert_comm = [](const Report& report) { return report.breakdowns.at(0).entries.at(3); };
  const Report dense = answer(kSmall);
  const Report sparse = answer(kSmall, {{"model", "{name: mixtral-8x7b}"},
                                        {"cluster.num_devices", "64"},
                                        {"training.global_batch", "64"},
                                        {"training.parallelism", "{tensor: 1, pipeline: 1, data: 64, expert: 8}"}});
  REQUIRE(sparse.failure.empty());
  REQUIRE(expert_comm(dense).name == "expert_comm");
  CHECK(expert_comm(dense).value == 0.0);
  CHECK(expert_comm(sparse).value > 0.0);
}

namespace {

Report with_own_times(const std::string& schedule, const std::string& degrees, const std::string& times,
                      int global_batch) {
  return answer(
      "study: training\nmodel: {name: llama-3.1-8b}\ncluster: {device: h100-sxm-80gb, num_devices: 32}\n"
      "training:\n  sequence_length: 4096\n  global_batch: " +
      std::to_string(global_batch) + "\n  schedule: " + schedule + "\n  parallelism: " + degrees +
      "\n  service_times: " + times + "\n");
}

}  // namespace

TEST_CASE("the user's own times: textbook bubbles of every schedule", "[studies][training]") {
  const std::string times = "{forward: 10 ms, backward: 20 ms}";
  // n = 8 micro-batches, p = 4: (n + p - 1)(f + b), interleaved (n + (p - 1) / v)(f + b).
  const auto mean = [&](const std::string& schedule, int virtual_stages) {
    return value(
        with_own_times(schedule, "{pipeline: 4, data: 8, virtual_stages: " + std::to_string(virtual_stages) + "}",
                       times, 64),
        "step_time_mean_s");
  };
  CHECK(mean("gpipe", 1) == Approx(11.0 * 0.030).epsilon(1e-12));
  CHECK(mean("1f1b", 1) == Approx(11.0 * 0.030).epsilon(1e-12));
  CHECK(mean("interleaved", 2) == Approx((8.0 + 3.0 / 2.0) * 0.030).epsilon(1e-12));
}

TEST_CASE("the user's own times: replicas join by the exact mean of the slowest", "[studies][training]") {
  // One micro-batch of a forward that is exponential and a backward of nothing: E[max of N] = f H_N.
  double harmonic = 0.0;
  for (int k = 1; k <= 32; ++k) harmonic += 1.0 / k;
  const Report report = with_own_times("1f1b", "{data: 32}", "{forward: 10 ms, backward: 0 s, scv: 1}", 32);
  CHECK(value(report, "step_time_mean_s") == Approx(0.010 * harmonic).epsilon(1e-9));
  // P(max <= t) = (1 - exp(-t / f))^32.
  CHECK(value(report, "step_time_p50_s") == Approx(-0.010 * std::log(1.0 - std::pow(0.5, 1.0 / 32.0))).epsilon(1e-9));
  CHECK(value(report, "step_time_p99_s") == Approx(-0.010 * std::log(1.0 - std::pow(0.99, 1.0 / 32.0))).epsilon(1e-9));
}

TEST_CASE("a jammed fabric shows in the mean and, with hashing, in the percentiles", "[studies][training][fabric]") {
  const auto at = [](const std::string& fabric) { return answer(kLlama405B, {{"cluster.fabric", fabric}}); };
  const Report free = at("{routing: adaptive, oversubscription: 1}");
  const Report packed = at("{routing: adaptive, oversubscription: 4}");
  const Report scattered = at("{routing: adaptive, oversubscription: 4, placement: scattered}");
  const Report hashed = at("{routing: ecmp, oversubscription: 4, placement: scattered}");
  const auto mean = [](const Report& report) { return value(report, "step_time_mean_s"); };
  CHECK(mean(packed) >= mean(free));
  CHECK(mean(scattered) > mean(packed));
  CHECK(mean(hashed) > mean(scattered));
  const auto tail = [](const Report& report) {
    return value(report, "step_time_p99_s") - value(report, "step_time_p50_s");
  };
  CHECK(tail(hashed) > 2.0 * tail(scattered));
}
