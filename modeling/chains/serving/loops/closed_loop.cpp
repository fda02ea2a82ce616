// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/loops/closed_loop.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "modeling/chains/serving/loops/model_error.h"
#include "modeling/chains/serving/replica/first_token.h"
#include "modeling/chains/serving/replica/replica_chain.h"
#include "modeling/chains/serving/replica/request_latency.h"

namespace windtunnel::modeling {

namespace {

/// Others that finish at the boundary at which a tagged request enters, and so are prefilled with it: Poisson around
/// the completions of an iteration.
void visit_companions(double mean, const std::function<void(double, double)>& visit) {
  double weight = std::exp(-mean), total = 0.0;
  if (weight == 0.0) return visit(mean, 1.0);
  for (double j = 0.0; total < 1.0 - 1e-9 && j < mean + 12.0 * std::sqrt(mean + 1.0) + 6.0; j += 1.0) {
    visit(j, weight);
    total += weight;
    weight *= mean / (j + 1.0);
  }
}

/// From the slot to the first token of a class when every completion lets the next request in.
LatencyLaw closed_prefill(const EngineModel& engine, const FullEngine& full, double held, const PromptQuanta& own) {
  const RequestWork& work = engine.work();
  LatencyLaw prefill(engine.resolution());
  const double companions = full.completed_per_iteration * (held - 1.0) / held;
  const double decoding = engine.is_chunked() ? std::max(0.0, held - full.in_prefill) : 0.0;
  visit_companions(companions, [&](double others, double weight) {
    for (std::size_t j = 0; j < own.probability.size(); ++j) {
      if (own.probability[j] <= 0.0) continue;
      const double tokens = static_cast<double>(j) * own.quantum_tokens;
      // First come first served, but those of one boundary in any order: half of the others come first.
      const double others_tokens = others * work.prompt_tokens;
      const double room = engine.prompt_room(decoding);
      const double beside = tokens + others_tokens > room ? 0.5 * others_tokens : 0.0;
      prefill.add(prompt_time_s(engine, decoding, tokens + others_tokens - beside, beside),
                  weight * own.probability[j]);
    }
  });
  return prefill;
}

/// The same behind a queue of `waiting` requests.
LatencyLaw behind_queue(const EngineModel& engine, const FullEngine& full, double waiting, const LatencyLaw& prefill) {
  const RequestWork& work = engine.work();
  if (waiting <= 0.0) return prefill;
  // The queue ahead leaves slot by slot: a sum of `waiting` completions, nearly normal.
  LatencyLaw law(engine.resolution());
  const double mean_s = waiting / full.requests_per_s();
  const double std_s = std::sqrt(waiting * std::min(1.0, work.decode_scv)) / full.requests_per_s();
  const double step = 0.25 / engine.resolution();
  double total = 0.0;
  for (double z = -3.5; z <= 3.5; z += step) total += std::exp(-0.5 * z * z);
  for (double z = -3.5; z <= 3.5; z += step)
    law.add_shifted(prefill, std::max(0.0, mean_s + z * std_s), std::exp(-0.5 * z * z) / total);
  return law;
}

GapNoise closed_noise(const EngineModel& engine, const FullEngine& full, double held, double decoding,
                      const PromptQuanta& quanta) {
  const RequestWork& work = engine.work();
  GapNoise noise{.resolution = engine.resolution()};
  if (work.decode_iterations <= 0.0) return noise;
  noise.cycle_s = decoding / (full.requests_per_s() * work.decode_iterations);
  // Of the others: a request's own successor comes after it.
  noise.prompts_per_cycle = full.requests_per_s() * noise.cycle_s * (held - 1.0) / held;
  noise.prompt_s = engine.is_chunked() ? marginal_prompt_s(engine, held - full.in_prefill)
                                       : full.iteration_s - engine.iteration_s(held, 0.0);
  if (!engine.is_chunked()) noise.prompt_s /= std::max(1e-12, full.completed_per_iteration);
  noise.prompts = quanta;
  // Completions of so many independent sequences: binomial per iteration, as regular as the outputs in the long run.
  noise.one_cycle_dispersion = std::max(0.05, 1.0 - full.completed_per_iteration / held);
  noise.long_run_dispersion = std::min(1.0, std::max(0.05, work.decode_scv)) * noise.one_cycle_dispersion;
  noise.slow_shape = {{0.0, 1.0}};
  // prefill_first: between k decode iterations lie k - 1 chances to prefill.
  if (!engine.is_chunked()) noise.own_prompts = -noise.prompts_per_cycle;
  noise.cycle_s -= noise.prompt_s * own_prompts_within(noise, work.decode_iterations) / work.decode_iterations;
  return noise;
}

}  // namespace

ServingAnswer solve_closed_loop(const ServingSystem& system, const RequestLimits& limits, double resolution) {
  EngineModel engine = engine_of(system.pool, system.classes);
  engine.resolve(resolution);
  const RequestWork& work = engine.work();
  const double replicas = static_cast<double>(system.pool.replicas);
  const bool is_unlimited = system.arrivals.kind == ArrivalLaw::Kind::kUnlimited;
  const double present = is_unlimited ? engine.slots() : static_cast<double>(system.arrivals.concurrency) / replicas;
  const double held = std::max(1.0, std::min(present, engine.slots()));
  const FullEngine full = full_engine(engine, held);
  const double computed = 1.0 - engine.rules().prefix_cache_hit_ratio;
  const PromptQuanta quanta = prompt_quanta(system.classes, computed, engine.prompt_room(held), resolution);
  std::vector<LatencyLaw> first;
  double in_prefill = full.in_prefill, prefill_s = 0.0;
  for (const RequestClass& one : system.classes) {
    const LatencyLaw prefill =
        closed_prefill(engine, full, held, class_quanta(one, computed, quanta.quantum_tokens, resolution));
    prefill_s += one.share * prefill.mean_s();
    first.push_back(behind_queue(engine, full, present - held, prefill));
  }
  // prefill_first: Little's law over the prefill.
  if (!engine.is_chunked()) in_prefill = std::min(held, full.requests_per_s() * prefill_s);
  const double decoding = held - in_prefill;
  // A partly filled last replica: fewer requests than replicas.
  const double busy_replicas =
      is_unlimited ? replicas : std::min(replicas, static_cast<double>(system.arrivals.concurrency));
  ServingAnswer answer;
  answer.requests_per_s = full.requests_per_s() * busy_replicas;
  answer.output_tokens_per_s = answer.requests_per_s * work.output_tokens;
  answer.total_tokens_per_s = answer.requests_per_s * work.total_tokens;
  answer.batch_mean = decoding * busy_replicas / replicas;
  answer.utilization_ratio = busy_replicas / replicas;
  answer.cached_tokens_mean = answer.batch_mean * work.context_tokens;
  answer.classes = request_answers(
      engine, system.classes, first,
      std::vector<GapNoise>(system.classes.size(), closed_noise(engine, full, held, decoding, quanta)), limits);
  ModelError error;
  error.widen("tpot_p99", 0.05);
  answer.model_error = error.entries();
  answer.chains.push_back({.name = "slots",
                           .purpose = "sequences of one replica in prefill and in decode, their number held",
                           .states = static_cast<long long>(held) + 1,
                           .transitions = 2 * static_cast<long long>(held),
                           .method_requested = "automatic",
                           .method_used = "closed network of two stations, product form"});
  if (work.prompt_tokens * full.completed_per_iteration > 0.5 * engine.prompt_room(held) && engine.is_chunked())
    answer.out_of_range = "full budget: prompts of a closed loop take more than half of max_batched_tokens";
  if (present > held && has_priorities(system.classes))
    answer.out_of_range = "priorities: in a closed loop with more requests than slots the last wait ever longer";
  if (held < static_cast<double>(engine.rules().max_batch) && engine.slots() <= held &&
      engine.slots() < static_cast<double>(engine.rules().max_batch))
    answer.out_of_range = "full KV cache: the number of sequences is limited by memory";
  return answer;
}

}  // namespace windtunnel::modeling
