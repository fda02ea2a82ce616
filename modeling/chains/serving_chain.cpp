// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "modeling/chains/first_token.h"
#include "modeling/chains/request_law.h"
#include "modeling/chains/slot_population.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// Numbers of sequences at which the fast chain is solved.
constexpr int kStateNodes = 6;
constexpr int kSlowAtoms = 9;

/// Beyond these the test matrix of docs/serving.md leaves its targets.
constexpr double kFewestDecodes = 8.0;
constexpr double kMostPrefillShare = 0.6;
constexpr double kMostPrefillFirstShare = 0.42;
constexpr double kMostFullBudget = 0.02;
constexpr double kMostOutputScv = 2.0;
constexpr double kMostWaiting = 0.1;
constexpr double kMostKvWaiting = 0.01;

/// What arrives at one replica.
struct ReplicaArrivals {
  double rate_per_s = 0.0;
  double scv = 1.0;
};

ReplicaArrivals replica_arrivals(const ServingSystem& system) {
  const double replicas = static_cast<double>(system.pool.replicas);
  ReplicaArrivals arrivals{system.arrivals.rate_per_s / replicas, system.arrivals.scv};
  // A random one of R streams keeps 1/R of the burstiness; every R-th arrival is R gaps long.
  if (system.balancer == Balancer::kRandom) arrivals.scv = 1.0 + (arrivals.scv - 1.0) / replicas;
  if (system.balancer == Balancer::kRoundRobin) arrivals.scv /= replicas;
  return arrivals;
}

/// The engine with its slots limited by KV memory where that is less than max_batch.
EngineModel engine_of(const EnginePool& pool, const std::vector<RequestClass>& classes) {
  EngineModel engine(pool, request_work(classes, pool.rules));
  if (!(pool.rules.kv_capacity_tokens < kNoLimit)) return engine;
  const double slots = std::floor(pool.rules.kv_capacity_tokens / tokens_held(classes, pool.rules));
  if (slots < engine.slots()) engine.limit_slots(std::max(1.0, slots));
  return engine;
}

/// Seconds that one more prompt adds to an engine that holds `decoding` sequences.
double marginal_prompt_s(const EngineModel& engine, double decoding) {
  const double prompt = engine.work().prompt_tokens;
  const double at = engine.is_chunked() ? decoding : 0.0;
  const double room = engine.prompt_room(at);
  const double first = std::min(prompt, 0.5 * room), second = std::min(2.0 * prompt, room);
  return (engine.iteration_s(at, second) - engine.iteration_s(at, first)) * prompt / std::max(1.0, second - first);
}

/// Share of the engine's time that prompts add, at this mean state.
double prefill_share(const EngineModel& engine, const ReplicaArrivals& arrivals, double decoding) {
  return std::min(0.95, arrivals.rate_per_s * marginal_prompt_s(engine, decoding));
}

/// Variance over mean of the number of prompts in a long time, counted in decode iterations: each prompt delays the
/// others by its own time, in which more arrive. The total progeny of a branching process whose offspring have mean
/// `share` and variance share + share^2 scv.
double prompt_bunching(double arrival_scv, double share, double prompt_scv) {
  return (arrival_scv + share * share * prompt_scv) / ((1.0 - share) * (1.0 - share));
}

/// How much more (or less) the number in slots varies than in the birth-death chain: arrivals during prefill bunch up
/// (1 / (1 - share) of them start decoding together), bursty arrivals do so by themselves; outputs of equal length
/// remember a bunch for longer. See docs/serving.md.
double dispersion(const EngineModel& engine, const ReplicaArrivals& arrivals, double share) {
  const double bunched = prompt_bunching(arrivals.scv, share, engine.work().prompt_scv);
  const double remembered = 1.0 + 2.0 * engine.work().overlap_ratio * (bunched - 1.0);
  return std::max(0.05, (1.0 - share) * (remembered + 1.0) / 2.0);
}

struct SolvedEngine {
  SlotRates rates;
  SlotPopulation population;
  PromptQuanta quanta;
  double prefill_share = 0.0;
  /// prefill_first: seconds of prefill per prompt.
  double prefill_s = 0.0;
};

/// Slots and prefill of one replica; prefill_first iterates once, because prompts are prefilled together while others
/// decode.
SolvedEngine solve_engine(const EngineModel& engine, const std::vector<RequestClass>& classes,
                          const ReplicaArrivals& arrivals) {
  SolvedEngine solved;
  const double computed = 1.0 - engine.rules().prefix_cache_hit_ratio;
  double prefill_s = engine.iteration_s(0.0, engine.work().prompt_tokens), decoding = 0.0;
  for (int round = 0; round < (engine.is_chunked() ? 1 : 3); ++round) {
    solved.rates = slot_rates(engine, prefill_s);
    // In the first rounds of prefill_first a prefill of single prompts overstates the load.
    const double top = solved.rates.completion_per_s.back();
    ReplicaArrivals within = arrivals;
    if (!engine.is_chunked() && round < 2) within.rate_per_s = std::min(within.rate_per_s, 0.98 * top);
    const double mean_guess = std::min(
        engine.slots(), within.rate_per_s * engine.work().decode_iterations * engine.iteration_s(decoding, 0.0));
    solved.prefill_share = prefill_share(engine, within, decoding > 0.0 ? decoding : mean_guess);
    solved.population = solve_slot_population(
        engine, solved.rates, {within.rate_per_s, within.scv, dispersion(engine, within, solved.prefill_share)});
    decoding = solved.population.mean_slots;
    solved.quanta = prompt_quanta(classes, computed, engine.prompt_room(decoding));
    // Prompts of mean length: how many are prefilled together is a matter of their number.
    const PromptQuanta mean_prompt{.quantum_tokens = engine.work().prompt_tokens, .probability = {0.0, 1.0}};
    if (!engine.is_chunked() && round < 2)
      prefill_s = solve_prefill_backlog(engine, mean_prompt, within.rate_per_s, decoding).prefill_s_per_prompt;
  }
  solved.prefill_s = prefill_s;
  return solved;
}

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
    const PrefillBacklog backlog = solve_prefill_backlog(engine, solved.quanta, arrivals.rate_per_s, decoding);
    lost = std::max(lost, backlog.lost);
    for (std::size_t i = 0; i < classes.size(); ++i) add_first_token(engine, backlog, own[i], node.weight, laws[i]);
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    add_idle_first_token(engine, own[i], solved.population.law.front(), laws[i]);
    add_waiting(engine, solved.population, own[i], laws[i]);
  }
  return laws;
}

/// Normalised deviations of the cycle time over the slots held, as a decoding sequence sees them.
std::vector<LatencyLaw::Atom> slow_shape(const SolvedEngine& solved, double& std_ratio) {
  double weight = 0.0, mean = 0.0, square = 0.0;
  const auto cycle = [&](std::size_t n) { return static_cast<double>(n) / solved.rates.completion_per_s[n]; };
  const std::vector<double>& law = solved.population.law;
  for (std::size_t n = 1; n < law.size(); ++n) {
    weight += law[n];
    mean += law[n] * cycle(n);
    square += law[n] * cycle(n) * cycle(n);
  }
  mean /= weight;
  const double std = std::sqrt(std::max(0.0, square / weight - mean * mean));
  std_ratio = mean > 0.0 ? std / mean : 0.0;
  if (std <= 1e-9 * mean) return {{0.0, 1.0}};
  std::vector<LatencyLaw::Atom> shape;
  LatencyLaw::Atom open;
  for (std::size_t n = 1; n < law.size(); ++n) {
    open.weight += law[n] / weight;
    open.value_s += law[n] / weight * (cycle(n) - mean) / std;
    if (open.weight < 1.0 / kSlowAtoms && n + 1 < law.size()) continue;
    if (open.weight > 1e-12) shape.push_back({open.value_s / open.weight, open.weight});
    open = {};
  }
  double kept = 0.0;
  for (const LatencyLaw::Atom& atom : shape) kept += atom.weight * atom.value_s * atom.value_s;
  for (LatencyLaw::Atom& atom : shape) atom.value_s /= std::sqrt(std::max(kept, 1e-12));
  return shape;
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
  const double alone =
      engine.is_chunked() ? 1.0 + share * share * (1.0 + work.prompt_scv) / (1.0 - share * share) : bunched;
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

ChainRecord slot_record(const SolvedEngine& solved) {
  return {.name = "slots",
          .purpose = "sequences that hold slots of one replica, and the queue for a slot",
          .states = static_cast<long long>(solved.population.law.size()),
          .transitions = 2 * static_cast<long long>(solved.population.law.size()) - 2,
          .method_requested = "automatic",
          .method_used = "level cuts of a birth-death chain, geometric queue",
          .error_bound = 1e-13 * static_cast<double>(solved.population.law.size()),
          .law = solved.population.law};
}

ChainRecord backlog_record(const PrefillBacklog& backlog) {
  const auto size = static_cast<long long>(backlog.law.size());
  return {.name = "prompts",
          .purpose = "prompt tokens that wait at iteration boundaries, decoding sequences held",
          .states = size,
          .transitions = size * size,
          .method_requested = "automatic",
          .method_used = "embedded M/G/1 chain, gth",
          .lost_probability = backlog.lost};
}

/// The rules that bound what docs/serving.md shows to be within its targets; each names itself.
std::string out_of_range(const EngineModel& engine, const ReplicaArrivals& arrivals, const SolvedEngine& solved,
                         const PrefillBacklog& backlog) {
  const RequestWork& work = engine.work();
  const double prompt_s =
      engine.is_chunked() ? marginal_prompt_s(engine, solved.population.mean_slots) : solved.prefill_s;
  const double share = arrivals.rate_per_s * prompt_s, waiting = solved.population.wait_probability;
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

ServingAnswer solve_open(const ServingSystem& system, const RequestLimits& limits) {
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
  const PrefillBacklog backlog = solve_prefill_backlog(engine, solved.quanta, arrivals.rate_per_s, decoding);
  answer.chains.push_back(backlog_record(backlog));
  answer.out_of_range = out_of_range(engine, arrivals, solved, backlog);
  return answer;
}

// ---------------------------------------------------------------------------------------------------- closed loop

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
  LatencyLaw prefill;
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
  LatencyLaw law;
  const double mean_s = waiting / full.requests_per_s();
  const double std_s = std::sqrt(waiting * std::min(1.0, work.decode_scv)) / full.requests_per_s();
  double total = 0.0;
  for (double z = -3.5; z <= 3.5; z += 0.25) total += std::exp(-0.5 * z * z);
  for (double z = -3.5; z <= 3.5; z += 0.25)
    law.add_shifted(prefill, std::max(0.0, mean_s + z * std_s), std::exp(-0.5 * z * z) / total);
  return law;
}

GapNoise closed_noise(const EngineModel& engine, const FullEngine& full, double held, double decoding,
                      const PromptQuanta& quanta) {
  const RequestWork& work = engine.work();
  GapNoise noise;
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

ServingAnswer solve_closed(const ServingSystem& system, const RequestLimits& limits) {
  const EngineModel engine = engine_of(system.pool, system.classes);
  const RequestWork& work = engine.work();
  const double replicas = static_cast<double>(system.pool.replicas);
  const bool is_unlimited = system.arrivals.kind == ArrivalLaw::Kind::kUnlimited;
  const double present = is_unlimited ? engine.slots() : static_cast<double>(system.arrivals.concurrency) / replicas;
  const double held = std::max(1.0, std::min(present, engine.slots()));
  const FullEngine full = full_engine(engine, held);
  const double computed = 1.0 - engine.rules().prefix_cache_hit_ratio;
  const PromptQuanta quanta = prompt_quanta(system.classes, computed, engine.prompt_room(held));
  std::vector<LatencyLaw> first;
  double in_prefill = full.in_prefill, prefill_s = 0.0;
  for (const RequestClass& one : system.classes) {
    const LatencyLaw prefill = closed_prefill(engine, full, held, class_quanta(one, computed, quanta.quantum_tokens));
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
  answer.chains.push_back({.name = "slots",
                           .purpose = "sequences of one replica in prefill and in decode, their number held",
                           .states = static_cast<long long>(held) + 1,
                           .transitions = 2 * static_cast<long long>(held),
                           .method_requested = "automatic",
                           .method_used = "closed network of two stations, product form"});
  if (work.prompt_tokens * full.completed_per_iteration > 0.5 * engine.prompt_room(held) && engine.is_chunked())
    answer.out_of_range = "full budget: prompts of a closed loop take more than half of max_batched_tokens";
  if (held < static_cast<double>(engine.rules().max_batch) && engine.slots() <= held &&
      engine.slots() < static_cast<double>(engine.rules().max_batch))
    answer.out_of_range = "full KV cache: the number of sequences is limited by memory";
  return answer;
}

}  // namespace

double serving_capacity_per_s(const ServingSystem& system) {
  return saturated_requests_per_s(engine_of(system.pool, system.classes)) * static_cast<double>(system.pool.replicas);
}

std::string not_covered_by_chains(const ServingSystem& system) {
  if (system.requests) return "a run of a given number of requests that starts empty";
  if (system.arrivals.kind == ArrivalLaw::Kind::kTrace) return "a trace replayed";
  if (system.prefill) return "prefill and decode on different replicas";
  if (system.balancer == Balancer::kShortestQueue && system.pool.replicas > 1) return "the shortest queue of several";
  const auto is_constant = [](const RequestClass& one) {
    return one.prompt.is_constant() && (one.output.is_constant() || one.output.mean() == 1.0);
  };
  const bool is_closed = system.arrivals.kind != ArrivalLaw::Kind::kOpen;
  if (is_closed && system.classes.size() == 1 && is_constant(system.classes.front()) && !system.pool.rules.speculative)
    return "constant lengths in a closed loop, a schedule that repeats";
  return "";
}

ServingAnswer solve_serving(const ServingSystem& system, const RequestLimits& limits) {
  return system.arrivals.kind == ArrivalLaw::Kind::kOpen ? solve_open(system, limits) : solve_closed(system, limits);
}

}  // namespace windtunnel::modeling
