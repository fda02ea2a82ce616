// SPDX-License-Identifier: Apache-2.0
// What the serving study says: measures, where the engine's time goes, the chains, and one finding.
#include <fmt/format.h>

#include <cmath>

#include "modeling/spec/quantity.h"
#include "modeling/studies/serving/serving.h"

namespace windtunnel::modeling {

namespace {

std::optional<double> known(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

void add_latency(const std::string& name, const LatencyNumbers& latency, std::vector<Measure>& measures) {
  measures.push_back({name + "_mean_s", known(latency.mean_s)});
  measures.push_back({name + "_p50_s", known(latency.p50_s)});
  measures.push_back({name + "_p90_s", known(latency.p90_s)});
  measures.push_back({name + "_p99_s", known(latency.p99_s)});
}

void add_latencies(const std::string& prefix, const ClassAnswer& one, std::vector<Measure>& measures) {
  add_latency(prefix + "ttft", one.ttft, measures);
  add_latency(prefix + "tpot", one.tpot, measures);
  add_latency(prefix + "e2e", one.e2e, measures);
}

std::vector<Measure> serving_measures(const PlacedServing& placed, const ServingAnswer& answer,
                                      std::optional<double> max_rate_per_s) {
  std::vector<Measure> measures = {
      {"requests_per_s", answer.requests_per_s},
      {"output_tokens_per_s_per_device", answer.output_tokens_per_s / static_cast<double>(placed.num_devices)},
      {"total_tokens_per_s", answer.total_tokens_per_s},
      {"batch_mean", answer.batch_mean},
      {"utilization_ratio", answer.utilization_ratio}};
  add_latencies("", answer.classes.front(), measures);
  measures.push_back({"kv_cache_per_replica_bytes", placed.kv_cache_per_replica_bytes});
  measures.push_back({"kv_cache_tokens", placed.kv_cache_tokens});
  measures.push_back({"max_concurrent_sequences", placed.max_concurrent_sequences});
  measures.push_back({"blocking_probability", answer.blocking_probability});
  measures.push_back({"slo_met_ratio", answer.classes.front().met_ratio});
  if (max_rate_per_s) measures.push_back({"max_arrival_rate_per_s", max_rate_per_s});
  for (std::size_t i = 1; i < answer.classes.size(); ++i) {
    const std::string prefix = "class." + answer.classes[i].name + ".";
    add_latencies(prefix, answer.classes[i], measures);
    measures.push_back({prefix + "slo_met_ratio", answer.classes[i].met_ratio});
  }
  return measures;
}

std::string layout_text(const Serving& serving) {
  const auto pool = [](const ServingPool& one) {
    std::string text = fmt::format("{} x (tensor {}", one.replicas, one.parallelism.tensor);
    if (one.parallelism.pipeline > 1) text += fmt::format(" x pipeline {}", one.parallelism.pipeline);
    if (one.parallelism.data > 1) text += fmt::format(" x data {}", one.parallelism.data);
    if (one.parallelism.expert > 1) text += fmt::format(", expert {}", one.parallelism.expert);
    return text + ")";
  };
  if (serving.layout == ServingLayout::kAggregated) return pool(serving.aggregated);
  return fmt::format("prefill {}, decode {}", pool(serving.prefill), pool(serving.decode));
}

std::string load_text(const Spec& spec) {
  const Traffic& traffic = spec.traffic;
  if (traffic.unlimited_concurrency && traffic.requests) return fmt::format("{} requests at once", *traffic.requests);
  if (traffic.unlimited_concurrency) return "saturated";
  if (traffic.concurrency && traffic.requests)
    return fmt::format("{} requests at a time, {} in all", *traffic.concurrency, *traffic.requests);
  if (traffic.concurrency) return fmt::format("{} requests at a time", *traffic.concurrency);
  if (traffic.arrival_rate_per_s) return fmt::format("{:.4g} requests per second", *traffic.arrival_rate_per_s);
  return "trace " + traffic.trace_file;
}

std::string title(const Spec& spec, const Machine& machine) {
  const std::string model = spec.model.name.empty() ? "a model" : spec.model.name;
  return fmt::format("serving {} on {} x {}: {}, {}", model, spec.cluster.num_devices, machine.profile.name,
                     layout_text(*spec.serving), load_text(spec));
}

std::string milliseconds(double seconds) {
  return format_quantity(seconds, Dimension::kTime);
}

std::string finding(const PlacedServing& placed, const ServingAnswer& answer, std::optional<double> max_rate_per_s) {
  const ClassAnswer& all = answer.classes.front();
  std::string text;
  if (std::isfinite(all.ttft.p50_s))
    text = fmt::format("half of the requests have their first token within {}, 99 % within {}; ",
                       milliseconds(all.ttft.p50_s), milliseconds(all.ttft.p99_s));
  if (std::isfinite(all.tpot.p50_s)) text += fmt::format("then a token every {}; ", milliseconds(all.tpot.p50_s));
  if (placed.system.arrivals.kind == ArrivalLaw::Kind::kTrace && max_rate_per_s)
    return text + fmt::format("{:.4g} requests per second; of load like this {} {:.4g} /s in the long run",
                              answer.requests_per_s, placed.slo.empty() ? "the capacity is" : "the limits allow",
                              *max_rate_per_s);
  if (max_rate_per_s)
    return text +
           fmt::format("{} {:.4g} /s at most", placed.slo.empty() ? "capacity" : "the limits allow", *max_rate_per_s);
  return text + fmt::format("{:.4g} requests per second", answer.requests_per_s);
}

}  // namespace

void write_serving_report(const Spec& spec, const PlacedServing& placed, const ServingAnswer& answer,
                          std::optional<double> max_rate_per_s, const Machine& machine, Report& report) {
  report.title = title(spec, machine);
  report.assumptions = placed.assumptions;
  if (!answer.failure.empty()) {
    report.failure = answer.failure;
    report.measures = {{"kv_cache_per_replica_bytes", placed.kv_cache_per_replica_bytes},
                       {"kv_cache_tokens", placed.kv_cache_tokens},
                       {"max_arrival_rate_per_s", max_rate_per_s}};
    return;
  }
  report.measures = serving_measures(placed, answer, max_rate_per_s);
  if (placed.max_concurrent_sequences.value_or(1.0) < 1.0)
    report.warnings.push_back(
        fmt::format("the cache holds {:.0f} tokens, fewer than serving.max_model_len {}: the engine would not start; "
                    "lower max_model_len or raise memory_utilization",
                    placed.kv_cache_tokens.value_or(0.0), *spec.serving->max_model_len));
  if (!placed.memory_bytes.empty())
    report.breakdowns.push_back({.name = "memory_bytes", .entries = placed.memory_bytes});
  if (!answer.uncertainty.empty())
    report.breakdowns.push_back({.name = "half_width_95_percent", .entries = answer.uncertainty});
  report.finding = finding(placed, answer, max_rate_per_s);
  report.chains = answer.chains;
  report.warnings.insert(report.warnings.end(), answer.warnings.begin(), answer.warnings.end());
}

}  // namespace windtunnel::modeling
