// SPDX-License-Identifier: Apache-2.0
// CPU time of one serving evaluation: closed loop, open loop at a fixed load, and with the largest load under the SLO;
// and of an event simulation of the same system beside it. Fails when an answer is not usable.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/cpu_clock.h"
#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"

namespace {

using namespace windtunnel;

constexpr int kRuns = 9;

std::string spec_text(const std::string& load) {
  return "study: serving\nmodel: {name: llama-3.1-70b}\ncluster: {device: h100-sxm-80gb, num_devices: 4}\n"
         "serving: {precision: {weights: fp8, kv_cache: fp8}, parallelism: {tensor: 4}, engine: vllm, max_batch: 256}\n"
         "traffic:\n  " +
         load +
         "\n  classes: [{name: chat, share: 1.0, prompt_tokens: 512, output_tokens: {mean: 256, scv: 1.0}}]\n"
         "slo: {ttft_p99: 1 s, tpot_p99: 40 ms}\n";
}

/// Median CPU seconds; negative when there is no answer.
double median_s(const std::string& load, const modeling::EvaluateOptions& options) {
  const modeling::Spec spec = modeling::read_spec(modeling::YamlDocument::parse(spec_text(load), "bench.yaml", {}));
  std::vector<double> seconds;
  for (int i = 0; i < kRuns; ++i) {
    const bench::CpuClock clock;
    const modeling::Report report = modeling::evaluate(spec, options);
    seconds.push_back(clock.seconds());
    if (!report.failure.empty() || !modeling::find_measure(report, "ttft_p99_s")) return -1.0;
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

}  // namespace

int main() {
  using modeling::Detail;
  const std::vector<std::pair<std::string, double>> rows = {
      {"closed loop, 64 requests", median_s("concurrency: 64", {.detail = Detail::kMeasures})},
      {"open loop with max_arrival_rate_per_s", median_s("arrival_rate: 8 /s", {.detail = Detail::kMeasures})},
      {"event simulation, 20000 requests",
       median_s("arrival_rate: 8 /s", {.simulated_requests = 20'000, .detail = Detail::kMeasures})}};
  bool usable = true;
  for (const auto& [name, seconds] : rows) {
    fmt::print("{:<40} {:8.2f} ms\n", name, 1e3 * seconds);
    usable = usable && seconds >= 0.0;
  }
  return usable ? EXIT_SUCCESS : EXIT_FAILURE;
}
