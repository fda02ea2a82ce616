// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/open_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/chains/first_token.h"
#include "modeling/chains/replica_chain.h"
#include "modeling/chains/request_law.h"

namespace windtunnel::modeling {

namespace {

/// Numbers of sequences at which the fast chain is solved.
constexpr int kStateNodes = 6;

/// Beyond these the test matrix of docs/serving.md leaves its targets.
constexpr double kLeastScv = 0.7;
constexpr double kBurstyScv = 1.5;
constexpr double kMostScv = 6.0;
constexpr double kMostBurstyWaiting = 0.01;
constexpr double kFewestDecodes = 8.0;
constexpr double kMostPrefillShare = 0.6;
constexpr double kMostPrefillFirstShare = 0.42;
constexpr double kMostFullBudget = 0.02;
constexpr double kMostOutputScv = 2.0;
constexpr double kMostWaiting = 0.1;
constexpr double kMostKvWaiting = 0.01;
/// Single measures leave theirs earlier.
constexpr double kNearCapacity = 0.9;
constexpr double kUnequalPrompts = 0.5;
constexpr double kPrefillFirstLoad = 0.85;

/// Cells of about equal probability of the slots held, 1 .. slots - 1, each with its mean.
std::vector<LatencyLaw::Atom> state_nodes(const SlotPopulation& population) {
  std::vector<LatencyLaw::Atom> nodes;
  double total = 0.0;
  for (std::size_t n = 1; n + 1 < population.law.size(); ++n) total += population.law[n];
  LatencyLaw::Atom open;
  for (std::size_t n = 1; n + 1 < population.law.size(); ++n) {
    open.weight += population.law[n];
    open.value_s += population.law[n] * static_cast<double>(n);
    if (open.weight < total / kStateNodes && n + 2 < population.law.size()) continue;
    if (open.weight > 1e-9) nodes.push_back({open.value_s / open.weight, open.weight});
    open = {};
  }
  return nodes;
}

/// Time from the boundary that frees a slot to the first token, with the others that this boundary frees.
void add_after_slot(const EngineModel& engine, const PromptQuanta& own, double wait_s, double weight, LatencyLaw& law) {
  const RequestWork& work = engine.work();
  const double others = (engine.slots() - 1.0) / (work.decode_iterations + 1.0);
  for (std::size_t j = 0; j < own.probability.size(); ++j) {
    if (own.probability[j] <= 0.0) continue;
    const double tokens = static_cast<double>(j) * own.quantum_tokens + others * work.prompt_tokens;
    const double decoding = engine.is_chunked() ? std::max(0.0, engine.slots() - 1.0 - others) : 0.0;
    law.add(wait_s + prompt_time_s(engine, decoding, tokens, 0.0), weight * own.probability[j]);
  }
}

void add_waiting(const EngineModel& engine, const SlotPopulation& population, const PromptQuanta& own,
                 LatencyLaw& law) {
  // Cells that each hold a tenth of what is left, down to one in 100,000; each at its mean.
  constexpr double kLeft = 0.9, kTail = 1e-5;
  const double weight = population.wait_probability;
  if (weight < 1e-9) return;
  add_after_slot(engine, own, 0.0, weight * (1.0 - population.wait_weight), law);
  const double step = -std::log(kLeft), mean_within = 1.0 - step * kLeft / (1.0 - kLeft);
  for (double left = 1.0, start = 0.0; left > kTail; left *= kLeft, start += step) {
    const bool is_last = left * kLeft <= kTail;
    const double wait_s = (start + (is_last ? 1.0 : mean_within)) / population.wait_rate_per_s;
    const double share = is_last ? left : left * (1.0 - kLeft);
    add_after_slot(engine, own, wait_s, weight * population.wait_weight * share, law);
  }
}

/// First-token law of each class.
std::vector<LatencyLaw> first_token_laws(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                         const ReplicaArrivals& arrivals, const SolvedEngine& solved, double& lost) {
  std::vector<LatencyLaw> laws(classes.size());
  std::vector<PromptQuanta> own;
  const double computed = 1.0 - engine.rules().prefix_cache_hit_ratio;
  for (const RequestClass& one : classes) own.push_back(class_quanta(one, computed, solved.quanta.quantum_tokens));
  for (const LatencyLaw::Atom& node : state_nodes(solved.population)) {
    const double decoding =
        engine.is_chunked() ? node.value_s * engine.work().decode_iterations / (engine.work().decode_iterations + 1.0)
                            : node.value_s;
    const PrefillBacklog backlog =
        solve_prefill_backlog(engine, solved.quanta, {arrivals.rate_per_s, arrivals.scv}, decoding);
    lost = std::max(lost, backlog.lost);
    for (std::size_t i = 0; i < classes.size(); ++i) add_first_token(engine, backlog, own[i], node.weight, laws[i]);
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    add_idle_first_token(engine, own[i], solved.population.law.front(), laws[i]);
    add_waiting(engine, solved.population, own[i], laws[i]);
  }
  return laws;
}

/// Seconds of the iteration that computes the tagged request's prompt of `prompt_tokens`.
double own_prefill_s(const EngineModel& engine, double rate_per_s, double prompt_s, double decoding,
                     double prompt_tokens) {
  const double mean = engine.work().prompt_tokens;
  if (engine.is_chunked()) {
    const double others =
        rate_per_s * (engine.iteration_s(decoding, 0.0) / std::max(0.05, 1.0 - rate_per_s * prompt_s));
    return engine.iteration_s(decoding, std::min(engine.prompt_room(decoding), prompt_tokens + others * mean));
  }
  const double others = rate_per_s * engine.iteration_s(decoding, 0.0);
  return engine.iteration_s(0.0,
                            std::min(std::max(prompt_tokens, engine.prompt_room(0.0)), prompt_tokens + others * mean));
}

/// Prompts that arrive while the tagged request's own prompt is computed, beyond what an average cycle brings.
double own_prompts(const EngineModel& engine, const ReplicaArrivals& arrivals, const GapNoise& noise, double decoding,
                   double share, double prompt_tokens) {
  const double own_s = own_prefill_s(engine, arrivals.rate_per_s, noise.prompt_s, decoding, prompt_tokens);
  if (engine.is_chunked()) return arrivals.rate_per_s * std::max(0.0, own_s - noise.cycle_s);
  // Decoding stands still until the prompts that came during this prefill are computed too.
  return arrivals.rate_per_s * (own_s - engine.iteration_s(decoding, 0.0)) / (1.0 - share);
}

/// Noise of the gaps of each class: the classes differ in what their own prompt brings about.
std::vector<GapNoise> open_noise(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                 const ReplicaArrivals& arrivals, const SolvedEngine& solved, double decoding_mean) {
  const RequestWork& work = engine.work();
  GapNoise noise;
  if (work.decode_iterations <= 0.0) return std::vector<GapNoise>(classes.size());
  // Little's law over the decode phase: sequences decoding = arrivals x decode iterations x cycle.
  noise.cycle_s = decoding_mean / (arrivals.rate_per_s * work.decode_iterations);
  noise.prompts_per_cycle = arrivals.rate_per_s * noise.cycle_s;
  noise.prompt_s = engine.is_chunked() ? marginal_prompt_s(engine, decoding_mean) : solved.prefill_s;
  noise.prompts = solved.quanta;
  const double share = std::min(0.95, arrivals.rate_per_s * noise.prompt_s);
  // A full engine computes one prompt per slot that is freed: as irregular as the outputs are.
  const double full = solved.population.wait_probability, regular = std::min(1.0, work.decode_scv);
  const double bunched = prompt_bunching(arrivals.scv, share, work.prompt_scv);
  noise.long_run_dispersion = (1.0 - full) * bunched + full * regular;
  const double counted = count_dispersion({arrivals.rate_per_s, arrivals.scv}, noise.cycle_s);
  noise.dispersion_growth = arrivals.scv / std::max(0.05, counted);
  const double alone = engine.is_chunked()
                           ? counted + share * share * (counted + work.prompt_scv) / (1.0 - share * share)
                           : prompt_bunching(counted, share, work.prompt_scv);
  noise.one_cycle_dispersion = (1.0 - full) * alone + full * regular;
  noise.prompt_correlation = engine.is_chunked() ? share : 0.0;
  if (engine.is_chunked())
    noise.longest_cycle_s = engine.iteration_s(engine.slots(), engine.prompt_room(decoding_mean));
  double std_ratio = 0.0;
  noise.slow_shape = slow_shape(solved, std_ratio);
  const double decode_s = noise.cycle_s - noise.prompts_per_cycle * noise.prompt_s;
  const double full_s = decode_s / std::max(0.05, 1.0 - share);
  // Slots forget at the slope of their death rate: 1 / k where the iteration time does not grow with them.
  const std::vector<double>& death = solved.rates.completion_per_s;
  const auto n = static_cast<std::size_t>(std::clamp(std::round(solved.population.mean_slots), 1.0,
                                                     std::max(1.0, static_cast<double>(death.size()) - 2.0)));
  const double slope = n + 1 < death.size() ? 0.5 * (death[n + 1] - death[n - 1]) : death[n] - death[n - 1];
  noise.slow_decay = std::max(1e-6, slope * full_s);
  noise.slow_std_s = std_ratio * noise.cycle_s;
  std::vector<GapNoise> all;
  const double computed = 1.0 - engine.rules().prefix_cache_hit_ratio;
  double own = 0.0;
  for (const RequestClass& one : classes) {
    all.push_back(noise);
    all.back().own_prompts = own_prompts(engine, arrivals, noise, decoding_mean, share, one.prompt.mean() * computed);
    own += one.share * own_prompts_within(all.back(), work.decode_iterations);
  }
  // The mean over all cycles holds what the requests' own prompts brought about.
  for (GapNoise& one : all) one.cycle_s -= noise.prompt_s * own / work.decode_iterations;
  return all;
}

/// The rules that bound what docs/serving.md shows to be within its targets; each names itself.
std::string out_of_range(const EngineModel& engine, const ReplicaArrivals& arrivals, const SolvedEngine& solved,
                         const PrefillBacklog& backlog) {
  const RequestWork& work = engine.work();
  const double prompt_s =
      engine.is_chunked() ? marginal_prompt_s(engine, solved.population.mean_slots) : solved.prefill_s;
  const double share = arrivals.rate_per_s * prompt_s, waiting = solved.population.wait_probability;
  if (arrivals.scv < kLeastScv || arrivals.scv > kMostScv ||
      (arrivals.scv > kBurstyScv && waiting > kMostBurstyWaiting))
    return fmt::format("arrivals of scv {:.3g}: too regular, or too bursty for {:.1f} % waiting for a slot",
                       arrivals.scv, 100.0 * waiting);
  if (work.decode_iterations < kFewestDecodes)
    return fmt::format("short outputs: {:.3g} decode iterations per request, fewer than {}", work.decode_iterations,
                       kFewestDecodes);
  const double most_share = engine.is_chunked() ? kMostPrefillShare : kMostPrefillFirstShare;
  if (share > most_share)
    return fmt::format("prefill-heavy: prompts take {:.0f} % of the time, more than {:.0f} %", 100.0 * share,
                       100.0 * most_share);
  double full = 0.0;
  const double room = engine.prompt_room(backlog.decoding) / backlog.quantum_tokens;
  for (std::size_t v = 0; v < backlog.law.size(); ++v)
    if (static_cast<double>(v) > room * (1.0 + 1e-9)) full += backlog.law[v];
  if (full > kMostFullBudget || work.prompt_tokens > engine.prompt_room(backlog.decoding))
    return fmt::format("full budget: {:.1f} % of the iterations leave prompt tokens waiting, more than {:.0f} %",
                       100.0 * full, 100.0 * kMostFullBudget);
  if (work.decode_scv > kMostOutputScv && waiting > kMostWaiting)
    return fmt::format(
        "heavy-tailed outputs behind full slots: scv {:.3g} above {} and {:.0f} % of the requests wait for a slot",
        work.decode_scv, kMostOutputScv, 100.0 * waiting);
  if (engine.slots() < static_cast<double>(engine.rules().max_batch) && waiting > kMostKvWaiting)
    return fmt::format("full KV cache: {:.1f} % of the requests wait for memory", 100.0 * waiting);
  return "";
}

/// Inside the range, but beyond the targets of docs/serving.md for single measures.
void name_weak_points(const EngineModel& engine, const ReplicaArrivals& arrivals, const SolvedEngine& solved,
                      ServingAnswer& answer) {
  const double load = arrivals.rate_per_s / solved.rates.completion_per_s.back();
  if (load > kNearCapacity)
    answer.warnings.push_back(fmt::format(
        "rule near-capacity: at {:.0f} % of capacity ttft_p90_s and ttft_p99_s may be off by 20 %", 100.0 * load));
  if (engine.work().prompt_scv > kUnequalPrompts)
    answer.warnings.push_back(
        fmt::format("rule unequal-prompts: with prompts of very different length tpot_p99_s may be off by {} %, "
                    "ttft_p99_s by 20 %",
                    engine.is_chunked() ? 12 : 16));
  if (arrivals.scv > kBurstyScv)
    answer.warnings.push_back("rule bursty-arrivals: ttft_mean_s and ttft_p50_s may be 15 % too low, tpot_p99_s 10 %");
  if (!engine.is_chunked() && (load > kPrefillFirstLoad || engine.work().decode_scv > 2.0))
    answer.warnings.push_back(
        "rule prefill-first: at high load or with heavy-tailed outputs tpot_p99_s may be 10 % too high");
}

}  // namespace

ServingAnswer solve_open_loop(const ServingSystem& system, const RequestLimits& limits) {
  const ReplicaArrivals arrivals = replica_arrivals(system);
  const EngineModel engine = engine_of(system.pool, system.classes);
  const RequestWork& work = engine.work();
  const SolvedEngine solved = solve_engine(engine, system.classes, arrivals);
  double lost = 0.0;
  const std::vector<LatencyLaw> first = first_token_laws(engine, system.classes, arrivals, solved, lost);
  double decoding = solved.population.mean_slots;
  for (std::size_t n = 0; engine.is_chunked() && n < solved.population.law.size(); ++n)
    decoding -= solved.population.law[n] * solved.rates.in_prefill[n];
  // prefill_first: Little's law over the iteration that computes a request's own prompt.
  if (!engine.is_chunked())
    decoding -= arrivals.rate_per_s *
                own_prefill_s(engine, arrivals.rate_per_s, solved.prefill_s, decoding, work.prompt_tokens);
  decoding = std::max(decoding, 1e-3 * solved.population.mean_slots);
  const std::vector<GapNoise> noise = open_noise(engine, system.classes, arrivals, solved, decoding);

  ServingAnswer answer;
  const double replicas = static_cast<double>(system.pool.replicas);
  answer.requests_per_s = arrivals.rate_per_s * replicas;
  answer.output_tokens_per_s = answer.requests_per_s * work.output_tokens;
  answer.total_tokens_per_s = answer.requests_per_s * work.total_tokens;
  answer.batch_mean = decoding;
  answer.utilization_ratio = 1.0 - solved.population.law.front();
  answer.cached_tokens_mean = decoding * work.context_tokens;
  answer.classes = request_answers(engine, system.classes, first, noise, limits);
  answer.chains.push_back(slot_record(solved));
  const PrefillBacklog backlog =
      solve_prefill_backlog(engine, solved.quanta, {arrivals.rate_per_s, arrivals.scv}, decoding);
  answer.chains.push_back(backlog_record(backlog));
  answer.out_of_range = out_of_range(engine, arrivals, solved, backlog);
  name_weak_points(engine, arrivals, solved, answer);
  return answer;
}

}  // namespace windtunnel::modeling
