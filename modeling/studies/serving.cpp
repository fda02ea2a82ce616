// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/serving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/cluster/serving_engine.h"
#include "modeling/costs/serving_iteration.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

bool has_model(const Spec& spec) {
  return spec.model.hidden_size > 0;
}

EnginePool place_pool(const Spec& spec, const ServingPool& pool, double sequence_tokens, const Machine& machine) {
  const Serving& serving = *spec.serving;
  const EngineLimits limits = engine_limits(serving, pool, machine.software);
  EnginePool placed{.replicas = pool.replicas,
                    .rules = {.scheduler = limits.scheduler,
                              .max_batch = limits.max_batch,
                              .max_batched_tokens = limits.max_batched_tokens,
                              .kv_policy = serving.kv_policy,
                              .speculative = serving.speculative,
                              .drafts_cost_time = !serving.service_times.has_value(),
                              .prefix_cache_hit_ratio = serving.prefix_cache_hit_ratio},
                    .time = serving_iteration_time(spec.model, serving, pool, machine)};
  if (has_model(spec))
    placed.rules.kv_capacity_tokens = kv_capacity_tokens(spec.model, serving, pool, machine, sequence_tokens);
  return placed;
}

ArrivalLaw stated_arrivals(const Traffic& traffic) {
  ArrivalLaw law;
  if (traffic.unlimited_concurrency) law.kind = ArrivalLaw::Kind::kUnlimited;
  if (traffic.concurrency) {
    law.kind = ArrivalLaw::Kind::kClosed;
    law.concurrency = *traffic.concurrency;
  }
  if (traffic.arrival_rate_per_s) law.rate_per_s = *traffic.arrival_rate_per_s;
  law.scv = traffic.arrival_scv;
  return law;
}

/// A limit on a statistic is a limit on single requests too: that of the highest percentile, or else of the mean.
double request_limit(const ServiceLevelObjective& slo, const std::string& latency) {
  for (const char* statistic : {"_p99", "_p90", "_p50", "_mean"}) {
    const auto limit = slo.find(latency + statistic);
    if (limit != slo.end()) return limit->second;
  }
  return kNoLimit;
}

LatencyNumbers values_of(const LatencyEstimates& estimates) {
  return {estimates.mean.value, estimates.p50.value, estimates.p90.value, estimates.p99.value};
}

std::optional<double> half_width(const solvers::Estimate& estimate) {
  const double half = 0.5 * (estimate.high - estimate.low);
  if (!std::isfinite(half) || estimate.value == 0.0) return std::nullopt;
  return half / std::abs(estimate.value);
}

void add_uncertainty(const SimulationResult& result, ServingAnswer& answer) {
  const auto add = [&](const std::string& name, const solvers::Estimate& estimate) {
    answer.uncertainty.push_back({name + "_ratio", half_width(estimate)});
  };
  add("requests_per_s", result.requests_per_s);
  add("batch_mean", result.batch_mean);
  const ClassEstimates& all = result.classes.front();
  const auto add_latency = [&](const std::string& name, const LatencyEstimates& latency) {
    add(name + "_mean", latency.mean);
    add(name + "_p50", latency.p50);
    add(name + "_p90", latency.p90);
    add(name + "_p99", latency.p99);
  };
  add_latency("ttft", all.ttft);
  add_latency("tpot", all.tpot);
  add_latency("e2e", all.e2e);
}

/// A trace is one class whose lengths follow the trace's first two moments.
RequestClass traced_class(const std::vector<TracedRequest>& trace) {
  const auto law = [&](auto tokens) {
    double sum = 0.0, squares = 0.0;
    for (const TracedRequest& one : trace) {
      sum += static_cast<double>(tokens(one));
      squares += static_cast<double>(tokens(one)) * static_cast<double>(tokens(one));
    }
    const double n = static_cast<double>(trace.size()), mean = sum / n;
    const double scv = std::max(0.0, squares / n / (mean * mean) - 1.0);
    // scv 1 would be read as geometric; the trace is not known to be.
    return TokenLaw({.mean = mean, .scv = scv == 1.0 ? 1.0 + 1e-9 : scv});
  };
  return {.name = "trace",
          .prompt = law([](const TracedRequest& one) { return one.prompt_tokens; }),
          .output = law([](const TracedRequest& one) { return one.output_tokens; })};
}

void place_traffic(const Spec& spec, ServingSystem& system) {
  system.arrivals = stated_arrivals(spec.traffic);
  system.requests = spec.traffic.requests;
  for (const TrafficClass& one : spec.traffic.classes)
    system.classes.push_back({one.name, one.share, TokenLaw(one.prompt_tokens), TokenLaw(one.output_tokens)});
  if (spec.traffic.trace_file.empty()) return;
  system.arrivals.kind = ArrivalLaw::Kind::kTrace;
  system.arrivals.trace = std::make_shared<const std::vector<TracedRequest>>(read_trace(spec.traffic.trace_file));
  system.classes = {traced_class(*system.arrivals.trace)};
}

}  // namespace

PlacedServing place_serving(const Spec& spec, const Machine& machine, std::vector<std::string>&) {
  const Serving& serving = *spec.serving;
  const bool is_split = serving.layout == ServingLayout::kDisaggregated;
  const ServingPool& pool = is_split ? serving.decode : serving.aggregated;
  PlacedServing placed{.num_devices = spec.cluster.num_devices};
  place_traffic(spec, placed.system);
  const std::vector<RequestClass>& classes = placed.system.classes;
  const double sequence_tokens = mean_prompt_tokens(classes) + mean_output_tokens(classes);
  placed.system.pool = place_pool(spec, pool, sequence_tokens, machine);
  if (is_split) placed.system.prefill = place_pool(spec, serving.prefill, sequence_tokens, machine);
  if (is_split && has_model(spec)) {
    const double tokens = mean_prompt_tokens(classes);
    placed.system.transfer_per_token_s = kv_transfer_time_s(spec.model, serving, tokens, machine) / tokens;
  }
  if (has_model(spec)) {
    const ServingMemory memory = serving_memory(spec.model, serving, pool, machine);
    placed.kv_cache_per_replica_bytes = memory.kv_cache_per_replica_bytes;
    placed.kv_bytes_per_token = memory.kv_cache_per_replica_bytes / std::max(1.0, memory.kv_capacity_tokens);
  }
  placed.limits = {.ttft_s = request_limit(spec.slo, "ttft"),
                   .tpot_s = request_limit(spec.slo, "tpot"),
                   .e2e_s = request_limit(spec.slo, "e2e")};
  return placed;
}

namespace {

ServingAnswer simulated_answer(const PlacedServing& placed, Count requests) {
  const SimulationResult result = simulate_serving(placed.system, placed.limits, {.requests = requests});
  ServingAnswer answer{.requests_per_s = result.requests_per_s.value,
                       .output_tokens_per_s = result.output_tokens_per_s.value,
                       .total_tokens_per_s = result.total_tokens_per_s.value,
                       .batch_mean = result.batch_mean.value,
                       .utilization_ratio = result.utilization_ratio.value,
                       .cached_tokens_mean = result.cached_tokens_mean.value,
                       .blocking_probability = result.blocking_probability,
                       .preemptions_per_request = result.preemptions_per_request};
  for (const ClassEstimates& one : result.classes)
    answer.classes.push_back({one.name, values_of(one.ttft), values_of(one.tpot), values_of(one.e2e), one.met.value});
  add_uncertainty(result, answer);
  answer.chains.push_back({.name = "engine",
                           .purpose = "event simulation of the batching rules, request by request",
                           .states = result.requests,
                           .method_requested = "simulation",
                           .method_used = "event simulation",
                           .iterations = result.iterations});
  return answer;
}

}  // namespace

ServingAnswer answer_serving(const PlacedServing& placed, std::optional<Count> simulated_requests) {
  ServingAnswer answer = simulated_answer(placed, simulated_requests.value_or(20'000));
  if (placed.system.arrivals.kind == ArrivalLaw::Kind::kUnlimited) {
    // Prompts always wait: how long is a matter of when one starts to look.
    for (ClassAnswer& one : answer.classes) {
      one.ttft = {kNoLimit, kNoLimit, kNoLimit, kNoLimit};
      one.e2e = one.ttft;
    }
  }
  return answer;
}

}  // namespace windtunnel::modeling
