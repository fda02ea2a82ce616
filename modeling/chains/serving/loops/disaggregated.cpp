// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/loops/disaggregated.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/loops/model_error.h"
#include "modeling/chains/serving/replica/first_token.h"
#include "modeling/chains/serving/replica/replica_chain.h"
#include "modeling/chains/serving/replica/request_latency.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// More requests than this that wait for a decode slot are outside what was checked.
constexpr double kMostWaitingForPool = 0.01;
/// The squared coefficient of variation of the prompts above which docs/serving.md states a wider error.
constexpr double kUnequalPromptsOfPool = 0.5;

EngineModel decoder_of(const ServingSystem& system) {
  EngineModel engine = engine_of(system.pool, system.classes);
  engine.decode_only();
  return engine;
}

/// Prompts per second of one prefill replica that always has some waiting.
double prefill_capacity_per_s(const EngineModel& engine) {
  const double prompt = engine.work().prompt_tokens;
  const double room = engine.is_chunked() ? engine.prompt_room(0.0) : std::max(prompt, engine.prompt_room(0.0));
  const double most = std::min(room, prompt * static_cast<double>(engine.rules().max_batch));
  const double tokens = engine.is_chunked() ? most : prompt * std::max(1.0, std::floor(most / prompt + 1e-9));
  return tokens / prompt / engine.iteration_s(0.0, tokens);
}

/// KV transfers of one prefill replica, one after the other: M/G/1 with the scv of the prompts (Pollaczek, Khinchine).
struct TransferLink {
  double transfer_s = 0.0;
  double wait_s = 0.0;
  double load = 0.0;
};

TransferLink transfer_link(const ServingSystem& system, double rate_per_s, double prompt_scv) {
  TransferLink link{.transfer_s = system.transfer_per_token_s * mean_prompt_tokens(system.classes)};
  link.load = rate_per_s * link.transfer_s;
  if (link.load >= 1.0)
    throw NoAnswerError(
        fmt::format("unstable: KV transfers take {:.0f} % of a prefill replica's link", 100.0 * link.load));
  link.wait_s = link.load * link.transfer_s * (1.0 + prompt_scv) / (2.0 * (1.0 - link.load));
  return link;
}

/// Decode replicas: slots only, and what lies between the first token and the first decode iteration.
GapNoise decoder_noise(const EngineModel& engine, const SolvedEngine& solved, double rate_per_s,
                       const TransferLink& link) {
  GapNoise noise;
  const double k = engine.work().decode_iterations;
  if (k <= 0.0) return noise;
  noise.cycle_s = solved.population.mean_slots / (rate_per_s * k);
  noise.resolution = engine.resolution();
  noise.prompts.probability = {0.0, 1.0};
  const SlowCycles slow = slow_cycles(engine, solved);
  noise.slow_shape = slow.shape;
  noise.slow_std_s = slow.std_s / slow.mean_s * noise.cycle_s;
  noise.slow_decay = 1.0 / k;
  // The cache arrives in the middle of an iteration, when there is one.
  const double busy = 1.0 - solved.population.law.front();
  const double slot_wait_s = solved.population.wait_probability * solved.population.queue.mean_s();
  noise.start_s = link.transfer_s + link.wait_s + slot_wait_s + 0.5 * busy * noise.cycle_s;
  return noise;
}

}  // namespace

double disaggregated_capacity_per_s(const ServingSystem& system) {
  const EngineModel prefill(*system.prefill, request_work(system.classes, system.prefill->rules));
  const double prefilled = static_cast<double>(system.prefill->replicas) * prefill_capacity_per_s(prefill);
  const EngineModel decoder = decoder_of(system);
  // One-token outputs never reach the decode replicas.
  if (decoder.work().decode_iterations <= 0.0) return prefilled;
  return std::min(prefilled, static_cast<double>(system.pool.replicas) * saturated_requests_per_s(decoder));
}

ServingAnswer solve_disaggregated(const ServingSystem& system, const RequestLimits& limits, double resolution) {
  EngineModel prefill(*system.prefill, request_work(system.classes, system.prefill->rules));
  EngineModel decoder = decoder_of(system);
  prefill.resolve(resolution);
  decoder.resolve(resolution);
  const double rate = system.arrivals.rate_per_s;
  const double prefill_rate = rate / static_cast<double>(system.prefill->replicas);
  const double decode_rate = rate / static_cast<double>(system.pool.replicas);
  const double computed = 1.0 - prefill.rules().prefix_cache_hit_ratio;
  const PromptQuanta quanta = prompt_quanta(system.classes, computed, prefill.prompt_room(0.0), resolution);
  const PrefillBacklog backlog = solve_prefill_backlog(prefill, quanta, {.rate_per_s = prefill_rate}, 0.0);
  const TransferLink link = transfer_link(system, prefill_rate, prefill.work().prompt_scv);
  SolvedEngine solved{.rates = slot_rates(decoder, 0.0)};
  solved.population = solve_slot_population(decoder, solved.rates, {.arrival_per_s = decode_rate});
  std::vector<LatencyLaw> first(system.classes.size(), LatencyLaw(resolution));
  for (std::size_t i = 0; i < first.size(); ++i)
    add_first_token(prefill, backlog, class_quanta(system.classes[i], computed, quanta.quantum_tokens, resolution), 1.0,
                    first[i]);
  const RequestWork& work = decoder.work();
  ServingAnswer answer{.requests_per_s = rate,
                       .output_tokens_per_s = rate * work.output_tokens,
                       .total_tokens_per_s = rate * work.total_tokens,
                       .batch_mean = solved.population.mean_slots,
                       .utilization_ratio = 1.0 - solved.population.law.front(),
                       .cached_tokens_mean = solved.population.mean_slots * work.context_tokens};
  answer.classes =
      request_answers(decoder, system.classes, first,
                      std::vector<GapNoise>(first.size(), decoder_noise(decoder, solved, decode_rate, link)), limits);
  answer.chains = {backlog_record(backlog), slot_record(solved)};
  answer.chains.push_back({.name = "kv_link",
                           .purpose = "KV caches handed from one prefill replica to decode, one at a time",
                           .method_requested = "automatic",
                           .method_used = "M/G/1, Pollaczek-Khinchine"});
  if (solved.population.wait_probability > kMostWaitingForPool)
    answer.out_of_range = fmt::format("full decode slots: {:.1f} % of the requests wait for one",
                                      100.0 * solved.population.wait_probability);
  ModelError error;
  if (prefill.work().prompt_scv > kUnequalPromptsOfPool) {
    answer.warnings.push_back(
        "rule unequal-prompts: with prompts of very different length tpot_p99_s may be 10 % too low");
    error.widen("tpot_p99", 0.10);
  }
  answer.model_error = error.entries();
  if (backlog.lost > 1e-4 || backlog.is_unstable) answer.out_of_range = "prefill replicas near their capacity";
  return answer;
}

}  // namespace windtunnel::modeling
