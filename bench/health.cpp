// SPDX-License-Identifier: Apache-2.0
// Health studies at growing scale, all failure causes of the profile: CPU time of one whole evaluation, every question
// answered. Fails when an evaluation has no answer or takes more than a second.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string>

#include "bench/cpu_clock.h"
#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"

namespace {

constexpr double kMost_s = 1.0;

struct Case {
  const char* name;
  int devices;
  const char* reliability;
};

constexpr std::array<Case, 6> kCases = {{
    {"16,384 devices, 54 d", 16384,
     "{horizon: 54 d, repair_time: {mean: 1 d, scv: 1}, spares: {nodes: 40}, restart_time: 5 min}"},
    {"100,000 devices, 100 d", 100000,
     "{horizon: 100 d, repair_time: {mean: 1 d, scv: 1}, spares: {nodes: 120}, restart_time: 3 min}"},
    {"100,000 devices, heavy-tailed repairs, 200 crews", 100000,
     "{horizon: 100 d, repair_time: {mean: 1 d, scv: 4}, repair_crews: 200, spares: {nodes: 120}, restart_time: 3 "
     "min}"},
    {"100,000 devices, three kinds of domains, elastic, classes of recovery", 100000, R"(
  horizon: 100 d
  repair_time: {mean: 1 d, scv: 1}
  spares: {nodes: 120}
  domains:
    - {name: leaf switch, nodes: 32, rate: 7e-7 /h, repair_time: 4 h}
    - {name: rack, nodes: 4, rate: 1e-7 /h, repair_time: 8 h}
    - {name: power, nodes: 256, rate: 1e-6 /h, repair_time: 2 h}
  elastic: {replica_nodes: 16, most_missing: 4}
  recovery:
    detect_time: 30 s
    classes:
      - {name: process, causes: [software], restart_time: 30 s}
      - {name: swap, localize_time: {median: 2 min, sigma: 1.5}, restart_time: 3 min})"},
    {"100,000 devices, bad nodes, early life, wear-out", 100000,
     "{horizon: 100 d, repair_time: {mean: 1 d, scv: 1}, spares: {nodes: 120}, restart_time: 3 min, bad_nodes: {share: "
     "0.012, factor: 10}, early_life: {factor: 3, duration: 20 d}, wear_out: {shape: 2.64, scale: 2600 d}}"},
    {"1,000,000 devices, 30 d", 1000000,
     "{horizon: 30 d, repair_time: {mean: 1 d, scv: 1}, spares: {nodes: 800}, restart_time: 1 min}"},
}};

constexpr const char* kTraining = R"(
study: training
model: {name: llama-3.1-405b}
cluster: {device: h100-sxm-80gb, num_devices: 16384, software: llama3-2024}
training:
  sequence_length: 8192
  global_batch: 2048
  recompute: none
  zero_stage: 2
  tokens: 15.6e12
  parallelism: {tensor: 8, pipeline: 16, data: 128, virtual_stages: 8}
reliability: {repair_time: {mean: 1 d, scv: 1}, spares: {nodes: 40}, restart_time: 5 min}
)";

/// CPU time of one evaluation, printed; false when it has no answer or takes too long.
bool answers_in_time(const std::string& name, const std::string& text) {
  using namespace windtunnel;
  const bench::CpuClock clock;
  const modeling::Report report = modeling::evaluate(modeling::read_spec(modeling::YamlDocument::parse(text, "bench")));
  const double taken_s = clock.seconds();
  const auto ettr = modeling::find_measure(report, "ettr_ratio");
  fmt::print("{:72} {:8.3f} s  ettr_ratio {:.4f}\n", name, taken_s, ettr.value_or(0.0));
  if (report.failure.empty() && ettr && taken_s <= kMost_s) return true;
  fmt::print(stderr, "{}: {}\n", name, report.failure.empty() ? "too slow" : report.failure);
  return false;
}

}  // namespace

int main() {
  bool all = answers_in_time("training on 16,384 devices with failures, to the last token", kTraining);
  for (const Case& one : kCases) {
    const std::string text =
        fmt::format("study: availability\ncluster: {{device: h100-sxm-80gb, num_devices: {}}}\nreliability: {}\n",
                    one.devices, one.reliability);
    all = answers_in_time(one.name, text) && all;
  }
  return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
