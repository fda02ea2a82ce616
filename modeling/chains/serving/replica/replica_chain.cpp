// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/replica_chain.h"

#include <algorithm>
#include <cmath>

#include "modeling/chains/serving/replica/bursty_slots.h"
#include "modeling/chains/serving/replica/request_latency.h"

namespace windtunnel::modeling {

namespace {

constexpr int kSlowAtoms = 9;
/// Irregular arrivals are matched over so many iterations: what a first token meets is the one under way, its own and
/// what earlier ones left. Checked against the simulation in docs/serving.md [A].
constexpr double kMatchedIterations = 3.0;
/// Rounds after which the even state of an engine no longer matters for anything but an order of magnitude.
constexpr int kEvenRounds = 6;
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

/// Bunches as in `dispersion`, for arrivals that are Poisson while the phase lasts.
BurstyLoad bursty_load(const EngineModel& engine, const ReplicaArrivals& arrivals, const SolvedEngine& solved,
                       double prompt_s, double decoding) {
  const double bunched = prompt_bunching(1.0, solved.prefill_share, engine.work().prompt_scv);
  return {.arrivals = *arrivals.bursts,
          .prompt_s = prompt_s,
          .iteration_s = engine.iteration_s(decoding, 0.0) / (1.0 - solved.prefill_share),
          .bunch = std::max(1.0, 1.0 + engine.work().overlap_ratio * (bunched - 1.0))};
}

}  // namespace

/// The time of an iteration where everything goes on evenly (Little's law) is where irregular arrivals are matched.
ReplicaArrivals replica_arrivals(const ServingSystem& system) {
  const EngineModel engine = engine_of(system.pool, system.classes);
  const double rate = system.arrivals.rate_per_s / static_cast<double>(system.pool.replicas);
  double decoding = 0.0, iteration_s = engine.iteration_s(0.0, engine.work().prompt_tokens);
  for (int round = 0; round < kEvenRounds; ++round) {
    iteration_s = engine.iteration_s(decoding, 0.0) / (1.0 - prefill_share(engine, {.rate_per_s = rate}, decoding));
    decoding = std::min(engine.slots(), rate * engine.work().decode_iterations * iteration_s);
  }
  return arrivals_at_one(system, kMatchedIterations * iteration_s);
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
    if (!engine.is_chunked() && round < 2 && within.rate_per_s > 0.98 * top) {
      within.rate_per_s = 0.98 * top;
      if (within.bursts) within.bursts = solvers::thinned(*within.bursts, within.rate_per_s / arrivals.rate_per_s);
    }
    const double mean_guess = std::min(
        engine.slots(), within.rate_per_s * engine.work().decode_iterations * engine.iteration_s(decoding, 0.0));
    solved.prefill_share = prefill_share(engine, within, decoding > 0.0 ? decoding : mean_guess);
    const double prompt_s =
        engine.is_chunked() ? marginal_prompt_s(engine, decoding > 0.0 ? decoding : mean_guess) : prefill_s;
    solved.population =
        within.bursts
            ? solve_bursty_slots(engine, classes, solved.rates,
                                 bursty_load(engine, within, solved, prompt_s, mean_guess))
            : solve_slot_population(engine, solved.rates,
                                    {within.rate_per_s, within.scv, dispersion(engine, within, solved.prefill_share)});
    decoding = solved.population.mean_slots;
    solved.quanta = prompt_quanta(classes, computed, engine.prompt_room(decoding), engine.resolution());
    // Prompts of mean length: how many are prefilled together is a matter of their number.
    const PromptQuanta mean_prompt{.quantum_tokens = engine.work().prompt_tokens, .probability = {0.0, 1.0}};
    if (!engine.is_chunked() && round < 2)
      prefill_s = solve_prefill_backlog(engine, mean_prompt, within, decoding).prefill_s_per_prompt;
  }
  solved.prefill_s = prefill_s;
  return solved;
}

namespace {

/// Cycles n / deaths[n] with these weights.
SlowCycles summed_up(const EngineModel& engine, const std::vector<double>& law,
                     const std::vector<double>& completion_per_s) {
  SlowCycles cycles;
  double weight = 0.0, square = 0.0;
  const auto cycle = [&](std::size_t n) { return static_cast<double>(n) / completion_per_s[n]; };
  for (std::size_t n = 1; n < law.size(); ++n) {
    weight += law[n];
    cycles.mean_s += law[n] * cycle(n);
    square += law[n] * cycle(n) * cycle(n);
  }
  if (weight > 0.0) cycles.mean_s /= weight;
  cycles.std_s = weight > 0.0 ? std::sqrt(std::max(0.0, square / weight - cycles.mean_s * cycles.mean_s)) : 0.0;
  if (!(cycles.std_s > 1e-9 * cycles.mean_s)) {
    cycles.std_s = 0.0;
    cycles.shape = {{0.0, 1.0}};
    return cycles;
  }
  LatencyLaw::Atom open;
  for (std::size_t n = 1; n < law.size(); ++n) {
    open.weight += law[n] / weight;
    open.value_s += law[n] / weight * (cycle(n) - cycles.mean_s) / cycles.std_s;
    if (open.weight < 1.0 / engine.points(kSlowAtoms) && n + 1 < law.size()) continue;
    if (open.weight > 1e-12) cycles.shape.push_back({open.value_s / open.weight, open.weight});
    open = {};
  }
  double kept = 0.0;
  for (const LatencyLaw::Atom& atom : cycles.shape) kept += atom.weight * atom.value_s * atom.value_s;
  for (LatencyLaw::Atom& atom : cycles.shape) atom.value_s /= std::sqrt(std::max(kept, 1e-12));
  return cycles;
}

}  // namespace

SlowCycles slow_cycles(const EngineModel& engine, const SolvedEngine& solved) {
  return summed_up(engine, solved.population.law, solved.rates.completion_per_s);
}

SlowCycles slow_cycles(const EngineModel& engine, const SlotPopulation::Phase& phase) {
  return summed_up(engine, phase.law, phase.completion_per_s);
}

std::vector<LatencyLaw::Atom> state_nodes(const EngineModel& engine, const SlotPopulation& population) {
  std::vector<LatencyLaw::Atom> nodes;
  double total = 0.0;
  for (std::size_t n = 1; n + 1 < population.law.size(); ++n) total += population.seen_by_arrivals(n);
  LatencyLaw::Atom open;
  for (std::size_t n = 1; n + 1 < population.law.size(); ++n) {
    const double seen = population.seen_by_arrivals(n);
    open.weight += seen;
    open.value_s += seen * static_cast<double>(n);
    if (open.weight < total / engine.points(kStateNodes) && n + 2 < population.law.size()) continue;
    if (open.weight > 1e-9) nodes.push_back({open.value_s / open.weight, open.weight});
    open = {};
  }
  return nodes;
}

ChainRecord slot_record(const SolvedEngine& solved) {
  const auto levels = static_cast<long long>(solved.population.law.size());
  const bool has_bursts = !solved.population.phases.empty();
  return {.name = "slots",
          .purpose = has_bursts
                         ? "sequences that hold slots of one replica, calm and busy arrivals, the queue for a slot"
                         : "sequences that hold slots of one replica, and the queue for a slot",
          .states = has_bursts ? 2 * levels : levels,
          .transitions = has_bursts ? 6 * levels - 4 : 2 * levels - 2,
          .method_requested = "automatic",
          .method_used = has_bursts ? "level reduction of a quasi-birth-death chain, matrix-geometric queue"
                                    : "level cuts of a birth-death chain, geometric queue",
          .error_bound = has_bursts ? std::nullopt : std::optional(1e-13 * static_cast<double>(levels)),
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
