// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/serving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// Where neither spec nor engine says: the defaults of vLLM's V1 engine.
constexpr Count kMaxBatch = 256;
constexpr Count kMaxBatchedTokens = 8192;

IterationTime stated_times(const ServingServiceTimes& times) {
  IterationTime clock;
  clock.iteration_s = [times](const IterationLoad& load) {
    return times.base_s + times.per_sequence_s * load.decoding_sequences +
           times.per_prompt_token_s * load.prompt_tokens + times.per_context_token_s * load.decoding_context_tokens;
  };
  return clock;
}

BatchRules stated_rules(const Serving& serving, const ServingPool& pool) {
  return {.scheduler = serving.scheduler.value_or(BatchScheduler::kChunkedPrefill),
          .max_batch = pool.max_batch.value_or(kMaxBatch),
          .max_batched_tokens = pool.max_batched_tokens.value_or(kMaxBatchedTokens),
          .kv_policy = serving.kv_policy,
          .speculative = serving.speculative,
          .prefix_cache_hit_ratio = serving.prefix_cache_hit_ratio};
}

EnginePool place_pool(const Serving& serving, const ServingPool& pool) {
  if (!serving.service_times)
    throw NoAnswerError(
        "serving without 'service_times' is not modelled yet: iteration times from the model are to come");
  return {
      .replicas = pool.replicas, .rules = stated_rules(serving, pool), .time = stated_times(*serving.service_times)};
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

}  // namespace

PlacedServing place_serving(const Spec& spec, const Machine&, std::vector<std::string>&) {
  const Serving& serving = *spec.serving;
  PlacedServing placed{.num_devices = spec.cluster.num_devices};
  if (serving.layout == ServingLayout::kAggregated) {
    placed.system.pool = place_pool(serving, serving.aggregated);
  } else {
    placed.system.pool = place_pool(serving, serving.decode);
    placed.system.prefill = place_pool(serving, serving.prefill);
  }
  placed.system.arrivals = stated_arrivals(spec.traffic);
  placed.system.requests = spec.traffic.requests;
  for (const TrafficClass& one : spec.traffic.classes)
    placed.system.classes.push_back({one.name, one.share, TokenLaw(one.prompt_tokens), TokenLaw(one.output_tokens)});
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
