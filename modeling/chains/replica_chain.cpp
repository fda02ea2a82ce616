// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/replica_chain.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/request_law.h"

namespace windtunnel::modeling {

namespace {

constexpr int kSlowAtoms = 9;
/// Numbers of sequences at which the fast chain is solved.
constexpr int kStateNodes = 6;

/// Share of the engine's time that prompts add, at this mean state.
double prefill_share(const EngineModel& engine, const ReplicaArrivals& arrivals, double decoding) {
  return std::min(0.95, arrivals.rate_per_s * marginal_prompt_s(engine, decoding));
}

/// How much more (or less) the number in slots varies than in the birth-death chain: arrivals during prefill bunch up
/// (1 / (1 - share) of them start decoding together), bursty arrivals do so by themselves; outputs of equal length
/// remember a bunch for longer. Arrivals that are no more regular than Poisson do not make the number steadier: outputs
/// of heavy tail would seem to. See docs/serving.md.
double dispersion(const EngineModel& engine, const ReplicaArrivals& arrivals, double share) {
  const double bunched = prompt_bunching(arrivals.scv, share, engine.work().prompt_scv);
  const double remembered = 1.0 + 2.0 * engine.work().overlap_ratio * (bunched - 1.0);
  const double steadiest = arrivals.scv < 1.0 ? 0.05 : 1.0;
  return std::max(steadiest, (1.0 - share) * (remembered + 1.0) / 2.0);
}

}  // namespace

ReplicaArrivals replica_arrivals(const ServingSystem& system) {
  const double replicas = static_cast<double>(system.pool.replicas);
  ReplicaArrivals arrivals{system.arrivals.rate_per_s / replicas, system.arrivals.scv};
  // A random one of R streams keeps 1/R of the burstiness; every R-th arrival is R gaps long.
  if (system.balancer == LoadBalancer::kRandom) arrivals.scv = 1.0 + (arrivals.scv - 1.0) / replicas;
  if (system.balancer == LoadBalancer::kRoundRobin) arrivals.scv /= replicas;
  return arrivals;
}

EngineModel engine_of(const EnginePool& pool, const std::vector<RequestClass>& classes) {
  EngineModel engine(pool, request_work(classes, pool.rules));
  if (!(pool.rules.kv_capacity_tokens < kNoLimit)) return engine;
  const double slots = std::floor(pool.rules.kv_capacity_tokens / tokens_held(classes, pool.rules));
  if (slots < engine.slots()) engine.limit_slots(std::max(1.0, slots));
  return engine;
}

double marginal_prompt_s(const EngineModel& engine, double decoding) {
  const double prompt = engine.work().prompt_tokens;
  const double at = engine.is_chunked() ? decoding : 0.0;
  const double room = engine.prompt_room(at);
  const double first = std::min(prompt, 0.5 * room), second = std::min(2.0 * prompt, room);
  return (engine.iteration_s(at, second) - engine.iteration_s(at, first)) * prompt / std::max(1.0, second - first);
}

double prompt_bunching(double arrival_scv, double share, double prompt_scv) {
  return (arrival_scv + share * share * prompt_scv) / ((1.0 - share) * (1.0 - share));
}

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
    solved.quanta = prompt_quanta(classes, computed, engine.prompt_room(decoding), engine.resolution());
    // Prompts of mean length: how many are prefilled together is a matter of their number.
    const PromptQuanta mean_prompt{.quantum_tokens = engine.work().prompt_tokens, .probability = {0.0, 1.0}};
    if (!engine.is_chunked() && round < 2)
      prefill_s =
          solve_prefill_backlog(engine, mean_prompt, {within.rate_per_s, within.scv}, decoding).prefill_s_per_prompt;
  }
  solved.prefill_s = prefill_s;
  return solved;
}

std::vector<LatencyLaw::Atom> slow_shape(const EngineModel& engine, const SolvedEngine& solved, double& std_ratio) {
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
    if (open.weight < 1.0 / engine.points(kSlowAtoms) && n + 1 < law.size()) continue;
    if (open.weight > 1e-12) shape.push_back({open.value_s / open.weight, open.weight});
    open = {};
  }
  double kept = 0.0;
  for (const LatencyLaw::Atom& atom : shape) kept += atom.weight * atom.value_s * atom.value_s;
  for (LatencyLaw::Atom& atom : shape) atom.value_s /= std::sqrt(std::max(kept, 1e-12));
  return shape;
}

std::vector<LatencyLaw::Atom> state_nodes(const EngineModel& engine, const SlotPopulation& population) {
  std::vector<LatencyLaw::Atom> nodes;
  double total = 0.0;
  for (std::size_t n = 1; n + 1 < population.law.size(); ++n) total += population.law[n];
  LatencyLaw::Atom open;
  for (std::size_t n = 1; n + 1 < population.law.size(); ++n) {
    open.weight += population.law[n];
    open.value_s += population.law[n] * static_cast<double>(n);
    if (open.weight < total / engine.points(kStateNodes) && n + 2 < population.law.size()) continue;
    if (open.weight > 1e-9) nodes.push_back({open.value_s / open.weight, open.weight});
    open = {};
  }
  return nodes;
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

}  // namespace windtunnel::modeling
