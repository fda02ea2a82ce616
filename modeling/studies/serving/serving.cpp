// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/serving/serving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/cluster/serving_engine.h"
#include "modeling/costs/serving_iteration.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

bool has_model(const Spec& spec) {
  return spec.model.hidden_size > 0;
}

/// Chunked prompts only: prefill_first computes a prompt in one iteration.
double prompt_chunk(const EngineLimits& limits, const Parallelism& degrees) {
  const Count parts = degrees.data * degrees.pipeline;
  if (parts == 1 || limits.scheduler == BatchScheduler::kPrefillFirst) return kNoLimit;
  return std::max(1.0, std::floor(static_cast<double>(limits.max_batched_tokens) / static_cast<double>(parts)));
}

EnginePool place_pool(const Spec& spec, const ServingPool& stated, double sequence_tokens, const Machine& machine) {
  const Serving& serving = *spec.serving;
  const ServingPool pool = independent_engines(spec.model, stated);
  const Frontend frontend = spec.traffic.unlimited_concurrency ? Frontend::kOffline : Frontend::kServer;
  const EngineLimits limits = engine_limits(serving, pool, machine, frontend);
  EnginePool placed{.replicas = pool.replicas,
                    .rules = {.scheduler = limits.scheduler,
                              .max_batch = limits.max_batch,
                              .max_batched_tokens = limits.max_batched_tokens,
                              .max_prompt_chunk = prompt_chunk(limits, pool.parallelism),
                              .kv_policy = limits.kv_policy,
                              .speculative = serving.speculative,
                              .drafts_cost_time = !serving.service_times.has_value(),
                              .prefix_cache_hit_ratio = serving.prefix_cache_hit_ratio},
                    .time = serving_iteration_time(spec.model, serving, pool, machine, frontend)};
  if (has_model(spec))
    placed.rules.kv_capacity_tokens = kv_capacity_tokens(spec.model, serving, pool, machine, sequence_tokens);
  return placed;
}

/// At one arrival per second. Moved inside its range by a difference of arrival_scv (sensitivities).
std::optional<solvers::SwitchedPoisson> stated_bursts(const Traffic& traffic) {
  const double scv = traffic.arrival_scv;
  if (traffic.arrival_dispersion)
    return solvers::switched_by_dispersion(1.0, scv, std::max(scv, *traffic.arrival_dispersion));
  if (!traffic.arrival_correlation) return std::nullopt;
  constexpr double kBelow = 1.0 - 1e-6;
  return solvers::switched_by_correlation(1.0, scv,
                                          std::min(*traffic.arrival_correlation, kBelow * 0.5 * (scv - 1.0) / scv));
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
  law.bursts = stated_bursts(traffic);
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

/// A trace is one class with the trace's own lengths.
RequestClass traced_class(const std::vector<TracedRequest>& trace) {
  std::vector<Count> prompts, outputs;
  for (const TracedRequest& one : trace) {
    prompts.push_back(one.prompt_tokens);
    outputs.push_back(one.output_tokens);
  }
  return {.name = "trace",
          .prompt = TokenLaw::of_sample(std::move(prompts)),
          .output = TokenLaw::of_sample(std::move(outputs))};
}

bool is_closed(const ServingSystem& system) {
  return system.arrivals.kind == ArrivalLaw::Kind::kClosed || system.arrivals.kind == ArrivalLaw::Kind::kUnlimited;
}

void place_traffic(const Spec& spec, ServingSystem& system) {
  system.arrivals = stated_arrivals(spec.traffic);
  system.requests = spec.traffic.requests;
  for (const TrafficClass& one : spec.traffic.classes)
    system.classes.push_back(
        {one.name, one.share, TokenLaw(one.prompt_tokens), TokenLaw(one.output_tokens), one.priority});
  if (spec.traffic.trace_file.empty()) return;
  system.arrivals.kind = ArrivalLaw::Kind::kTrace;
  system.arrivals.trace = std::make_shared<const std::vector<TracedRequest>>(read_trace(spec.traffic.trace_file));
  system.classes = {traced_class(*system.arrivals.trace)};
}

}  // namespace

PlacedServing place_serving(const Spec& spec, const Machine& machine) {
  const Serving& serving = *spec.serving;
  const bool is_split = serving.layout == ServingLayout::kDisaggregated;
  const ServingPool& pool = is_split ? serving.decode : serving.aggregated;
  PlacedServing placed{.num_devices = spec.cluster.num_devices};
  place_traffic(spec, placed.system);
  const bool is_balanced = is_closed(placed.system) || serving.autoscaling;
  placed.system.balancer =
      serving.load_balancer.value_or(is_balanced ? LoadBalancer::kShortestQueue : LoadBalancer::kRandom);
  const std::vector<RequestClass>& classes = placed.system.classes;
  const double sequence_tokens = mean_prompt_tokens(classes) + mean_output_tokens(classes);
  placed.system.pool = place_pool(spec, pool, sequence_tokens, machine);
  if (is_split) placed.system.prefill = place_pool(spec, serving.prefill, sequence_tokens, machine);
  if (is_split && has_model(spec)) {
    const double tokens = mean_prompt_tokens(classes);
    placed.system.transfer_per_token_s = kv_transfer_time_s(spec.model, serving, tokens, machine) / tokens;
  }
  if (has_model(spec)) {
    const ServingMemory memory =
        serving_memory(spec.model, serving, independent_engines(spec.model, pool), machine, sequence_tokens);
    placed.kv_cache_per_replica_bytes = memory.kv_cache_per_replica_bytes;
    placed.kv_cache_tokens = memory.kv_cache_tokens;
    if (serving.max_model_len)
      placed.max_concurrent_sequences = memory.kv_cache_tokens / static_cast<double>(*serving.max_model_len);
    placed.memory_bytes = {{"weights", memory.weights_bytes},
                           {"activations", memory.activations_bytes},
                           {"kv_cache", memory.cache_bytes},
                           {"reserved", memory.reserved_bytes}};
    placed.kv_bytes_per_token = memory.kv_cache_per_replica_bytes / std::max(1.0, memory.kv_capacity_tokens);
  }
  placed.slo = spec.slo;
  placed.limits = {.ttft_s = request_limit(spec.slo, "ttft"),
                   .tpot_s = request_limit(spec.slo, "tpot"),
                   .e2e_s = request_limit(spec.slo, "e2e")};
  return placed;
}

namespace {

ServingAnswer simulated_answer(const PlacedServing& placed, const SimulationOptions& options) {
  const SimulationResult result = simulate_serving(placed.system, placed.limits, options);
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

/// Where the chains do not reach: enough for percentiles within some percent, in some tens of milliseconds; bursts need
/// as many times more as they widen the variance of counts, up to some tenths of a second.
constexpr Count kStandInRequests = 20'000;
constexpr double kMostStandIns = 20.0;

Count stand_in_requests(const ArrivalLaw& arrivals) {
  if (arrivals.kind != ArrivalLaw::Kind::kOpen) return kStandInRequests;
  const double dispersion = arrivals.bursts ? solvers::index_of_dispersion(*arrivals.bursts) : arrivals.scv;
  return std::llround(static_cast<double>(kStandInRequests) * std::clamp(dispersion, 1.0, kMostStandIns));
}

/// Of a closed loop: lengths and placement.
bool is_deterministic(const ServingSystem& system) {
  const bool has_choice = system.pool.replicas > 1 || (system.prefill && system.prefill->replicas > 1);
  return system.classes.size() == 1 && !system.pool.rules.speculative && system.classes.front().prompt.is_constant() &&
         system.classes.front().output.is_constant() && !(has_choice && system.balancer == LoadBalancer::kRandom);
}

/// Requests present at most: slots, or sequences the cache has room for.
Count largest_batch(const ServingSystem& system) {
  const BatchRules& rules = system.pool.rules;
  const RequestClass& one = system.classes.front();
  const double tokens = one.prompt.mean() + (rules.kv_policy == KvPolicy::kReserve ? 1.0 : 0.5) * one.output.mean();
  const double slots = std::min(static_cast<double>(rules.max_batch), std::max(1.0, rules.kv_capacity_tokens / tokens));
  const double held = slots * static_cast<double>(system.pool.replicas);
  if (system.arrivals.kind != ArrivalLaw::Kind::kClosed) return static_cast<Count>(held);
  return std::min(system.arrivals.concurrency, static_cast<Count>(held));
}

/// Nothing is random: the batching rules are followed over some generations of the batch.
ServingAnswer walked_answer(const PlacedServing& placed) {
  const Count batch = largest_batch(placed.system);
  constexpr int kBatches = 4;
  const SimulationOptions options{
      .requests = kBatches * std::max<Count>(batch, 25), .warm_up = 3 * batch, .batches = kBatches};
  ServingAnswer answer = simulated_answer(placed, options);
  answer.uncertainty.clear();
  answer.chains.front().method_requested = "automatic";
  answer.chains.front().method_used = "deterministic walk of the batching rules";
  return answer;
}

/// A closed loop that starts empty and ends: the synchronised first wave, the waves that lengths of little spread keep
/// up, and the drain belong to the answer. The rules are walked; nothing but the lengths is random.
ServingAnswer benchmark_answer(const PlacedServing& placed) {
  constexpr Count kFewestRequests = 4000, kFewestRuns = 4;
  const bool is_fixed = is_deterministic(placed.system);
  const Count each = *placed.system.requests;
  ServingAnswer answer =
      simulated_answer(placed, {.requests = is_fixed ? 2 * each : std::max(kFewestRequests, kFewestRuns * each)});
  if (is_fixed) answer.uncertainty.clear();
  answer.chains.front().purpose = "a benchmark that starts empty and ends, request by request";
  answer.chains.front().method_requested = "automatic";
  answer.chains.front().method_used = "walk of the batching rules";
  return answer;
}

ServingAnswer stand_in_answer(const PlacedServing& placed, const std::string& reason) {
  ServingAnswer answer = simulated_answer(placed, {.requests = stand_in_requests(placed.system.arrivals)});
  answer.chains.front().method_requested = "automatic";
  answer.warnings.push_back(reason + ": answered by event simulation, see half_width_95_percent");
  return answer;
}

bool is_open(const ServingSystem& system) {
  return system.arrivals.kind == ArrivalLaw::Kind::kOpen && !system.requests;
}

/// Empty: stable.
std::string instability(const ServingSystem& system) {
  if (!is_open(system)) return "";
  const double capacity = serving_capacity_per_s(system);
  if (system.arrivals.rate_per_s < capacity) return "";
  return fmt::format("unstable: arrival_rate {:.4g} /s, capacity {:.4g} /s", system.arrivals.rate_per_s, capacity);
}

/// A trace is one sample, without an interval; what lasts is said by its law (studies/trace_fit.h).
ServingAnswer replayed_answer(const PlacedServing& placed) {
  ServingAnswer answer = simulated_answer(placed, {.requests = kStandInRequests});
  answer.uncertainty.clear();
  answer.chains.front().method_requested = "automatic";
  answer.chains.front().method_used = "replay of the trace, event simulation";
  return answer;
}

ServingAnswer automatic_answer(const PlacedServing& placed) {
  if (placed.system.arrivals.kind == ArrivalLaw::Kind::kTrace) return replayed_answer(placed);
  if (is_closed(placed.system) && placed.system.requests) return benchmark_answer(placed);
  if (is_closed(placed.system) && is_deterministic(placed.system)) return walked_answer(placed);
  if (const std::string reason = not_covered_by_chains(placed.system); !reason.empty())
    return stand_in_answer(placed, reason + " is not covered by the chains");
  ServingAnswer answer = solve_serving(placed.system, placed.limits);
  if (answer.out_of_range.empty()) return answer;
  return stand_in_answer(placed, "outside the checked range of the chains (" + answer.out_of_range + ")");
}

}  // namespace

ServingAnswer answer_serving(const PlacedServing& placed, std::optional<Count> simulated_requests) {
  if (std::string reason = instability(placed.system); !reason.empty()) return {.failure = std::move(reason)};
  ServingAnswer answer =
      simulated_requests ? simulated_answer(placed, {.requests = *simulated_requests}) : automatic_answer(placed);
  if (placed.system.arrivals.kind == ArrivalLaw::Kind::kUnlimited && !placed.system.requests) {
    // Prompts always wait: how long is a matter of when one starts to look.
    for (ClassAnswer& one : answer.classes) {
      one.ttft = {kNoLimit, kNoLimit, kNoLimit, kNoLimit};
      one.e2e = one.ttft;
    }
  }
  return answer;
}

namespace {

double statistic(const LatencyNumbers& latency, const std::string& name) {
  if (name == "mean") return latency.mean_s;
  if (name == "p50") return latency.p50_s;
  return name == "p90" ? latency.p90_s : latency.p99_s;
}

/// Largest measure over its limit; at most 1 when every limit holds. A latency nobody has (one-token outputs) holds.
double worst_ratio(const ServingAnswer& answer, const ServiceLevelObjective& slo) {
  double worst = 0.0;
  for (const auto& [name, limit_s] : slo) {
    const std::string kind = name.substr(0, name.find('_'));
    const ClassAnswer& all = answer.classes.front();
    const LatencyNumbers& latency = kind == "ttft" ? all.ttft : kind == "tpot" ? all.tpot : all.e2e;
    const double value_s = statistic(latency, name.substr(kind.size() + 1));
    if (!std::isnan(value_s)) worst = std::max(worst, value_s / limit_s);
  }
  return worst;
}

double worst_ratio_at(PlacedServing placed, double rate_per_s) {
  placed.system.arrivals.rate_per_s = rate_per_s;
  if (!not_covered_by_chains(placed.system).empty())
    return worst_ratio(simulated_answer(placed, {.requests = kStandInRequests / 4}), placed.slo);
  return worst_ratio(solve_serving(placed.system, placed.limits), placed.slo);
}

}  // namespace

double worst_limit_ratio(const ServingAnswer& answer, const ServiceLevelObjective& slo) {
  return worst_ratio(answer, slo);
}

namespace {

/// The root of a function that grows with the load, sought where latencies are nearly straight lines: in
/// x = -log(1 - load), as they grow with 1 / (1 - load). Secants within a bracket whose ends are evaluated only when
/// they are needed.
class LoadSearch {
 public:
  /// The load at which `excess(load)` = 0, within 0.1 %; 0 or 1 when it is positive or negative throughout.
  template <typename Excess>
  double find(const Excess& excess) {
    constexpr int kMostSteps = 16;
    for (int step = 0; step < kMostSteps; ++step) {
      const double at = excess(load(x_));
      if (at > 0.0 && x_ == kAlmostIdle) return 0.0;
      if (at <= 0.0 && x_ == kAlmostFull) return 1.0;
      const double next = next_x(at);
      (at > 0.0 ? high_ : low_) = {x_, at, true};
      before_ = {x_, at, true};
      x_ = std::clamp(next, low_.x, high_.x);
      // The next step would be several times shorter still.
      if (std::abs(load(x_) - load(before_.x)) < kAccuracy * load(before_.x) && x_ != kAlmostFull) return load(x_);
      if (!low_.known || !high_.known) continue;
      if (load(high_.x) - load(low_.x) < kAccuracy * load(low_.x)) return load(x_);
      // No nearer to an end than a fiftieth: a bracket shrinks from both sides.
      const double margin = 0.02 * (high_.x - low_.x);
      x_ = std::clamp(x_, low_.x + margin, high_.x - margin);
    }
    return load(x_);
  }

 private:
  struct Point {
    double x = 0.0;
    double excess = 0.0;
    bool known = false;
  };

  static constexpr double kAccuracy = 1e-3, kAlmostIdle = 1e-3, kAlmostFull = 7.0;
  static double load(double x) { return -std::expm1(-x); }

  /// By the line through the last two points; by slope 1 where there is none that rises. Across the bracket where the
  /// line leaves it.
  double next_x(double at) const {
    const double rise = at - before_.excess, run = x_ - before_.x;
    const double next = before_.known && rise / run > 0.0 ? x_ - at * run / rise : x_ - at;
    const Point& other = at > 0.0 ? low_ : high_;
    const bool leaves = at > 0.0 ? next <= other.x : next >= other.x;
    if (!leaves || !other.known) return next;
    return x_ + (other.x - x_) * at / (at - other.excess);
  }

  Point low_{.x = kAlmostIdle}, high_{.x = kAlmostFull}, before_;
  /// A load of 80 %.
  double x_ = -std::log(0.2);
};

}  // namespace

std::optional<double> max_arrival_rate_per_s(const PlacedServing& placed) {
  if (!is_open(placed.system)) return std::nullopt;
  const double capacity = serving_capacity_per_s(placed.system);
  if (placed.slo.empty()) return capacity;
  const auto excess = [&](double load) { return std::log(std::max(worst_ratio_at(placed, load * capacity), 1e-300)); };
  return capacity * LoadSearch().find(excess);
}

}  // namespace windtunnel::modeling
