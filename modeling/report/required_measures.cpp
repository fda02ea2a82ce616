// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/required_measures.h"

#include <algorithm>

namespace windtunnel::modeling {
namespace {

std::vector<std::string> training_measures() {
  return {"step_time_mean_s",
          "step_time_std_s",
          "step_time_p50_s",
          "step_time_p95_s",
          "step_time_p99_s",
          "tokens_per_s_per_device",
          "model_flop_per_s_per_device",
          "mfu_ratio",
          "memory_per_device_bytes"};
}

std::vector<std::string> serving_measures() {
  std::vector<std::string> names = {"requests_per_s", "output_tokens_per_s_per_device", "total_tokens_per_s",
                                    "batch_mean", "utilization_ratio"};
  for (const std::string latency : {"ttft", "tpot", "e2e"}) {
    for (const std::string statistic : {"mean", "p50", "p90", "p99"}) names.push_back(latency + "_" + statistic + "_s");
  }
  names.insert(names.end(), {"kv_cache_per_replica_bytes", "kv_cache_tokens", "max_concurrent_sequences",
                             "blocking_probability", "slo_met_ratio"});
  return names;
}

std::vector<std::string> availability_measures() {
  return {"failures_expected",
          "job_mttf_s",
          "failure_probability",
          "availability_ratio",
          "ettr_ratio",
          "checkpoint_interval_s",
          "spares_exhaustion_probability",
          "spares_for_99_percent",
          "spares_for_999_permille"};
}

}  // namespace

std::vector<std::string> required_measures(const std::string& study) {
  if (study == "training") return training_measures();
  if (study == "serving") return serving_measures();
  if (study == "availability") return availability_measures();
  return {};
}

void add_unknown_measures(Report& report) {
  for (const std::string& name : required_measures(report.study)) {
    const bool present = std::any_of(report.measures.begin(), report.measures.end(),
                                     [&](const Measure& measure) { return measure.name == name; });
    if (!present) report.measures.push_back({name, std::nullopt});
  }
}

}  // namespace windtunnel::modeling
