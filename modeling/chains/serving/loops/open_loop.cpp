// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/loops/open_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "modeling/chains/serving/loops/model_error.h"
#include "modeling/chains/serving/replica/cycle_noise.h"
#include "modeling/chains/serving/replica/first_token.h"
#include "modeling/chains/serving/replica/replica_chain.h"
#include "modeling/chains/serving/replica/request_latency.h"
#include "modeling/chains/serving/replica/slot_wait.h"

namespace windtunnel::modeling {

namespace {

/// Beyond these the test matrix of docs/serving.md leaves its targets.
constexpr double kLeastScv = 0.7;
constexpr double kMostScv = 4.0;
constexpr double kMostCorrelatedScv = 6.0;
/// Behind full slots, bursts are followed where outputs are nearly geometric; the 99th percentile jumps where about one
/// request in a hundred waits.
constexpr double kLeastBurstyWaiting = 0.003;
constexpr double kMostBurstyWaiting = 0.1;
constexpr double kLeastGeometric = 0.7;
constexpr double kMostGeometric = 1.5;
constexpr double kFewestDecodes = 8.0;
constexpr double kMostPrefillShare = 0.6;
constexpr double kMostPrefillFirstShare = 0.42;
constexpr double kMostFullBudget = 0.02;
constexpr double kMostOutputScv = 2.0;
constexpr double kMostWaiting = 0.1;
constexpr double kMostKvWaiting = 0.01;
/// With priorities; in the order of shares of waiting requests, least scv of the outputs, full iterations.
constexpr double kMostRearranged = 0.01;
constexpr double kLeastRearrangedScv = 0.9;
constexpr double kMostFullByPriority = 0.005;
constexpr double kRearrangedError = 0.12;
/// Single measures leave theirs earlier.
constexpr double kNearCapacity = 0.9;
constexpr double kUnequalPrompts = 0.5;
constexpr double kPrefillFirstLoad = 0.85;
constexpr double kBurstyDispersion = 1.2;

/// Probability that an arrival finds the engine near this state, by the phase in which its iteration starts: the phases
/// as often as in the fast chain, and there as often as with so many slots held.
std::vector<double> phase_weights(const SlotPopulation& population, const LatencyLaw::Atom& node,
                                  const PrefillBacklog& backlog) {
  if (population.phases.empty()) return {node.weight};
  std::vector<double> weights;
  const auto n = static_cast<std::size_t>(std::round(node.value_s));
  double total = 0.0;
  for (std::size_t i = 0; i < population.phases.size(); ++i) {
    const SlotPopulation::Phase& phase = population.phases[i];
    weights.push_back(backlog.phases[i].arrival_ratio * phase.law[n] / phase.time_ratio);
    total += weights.back();
  }
  for (double& one : weights) one *= node.weight / total;
  return weights;
}

/// A cell of the wait for a slot holds at most this share of what is left, the last one this much.
constexpr double kWaitCell = 0.1, kWaitTail = 1e-5;

void add_waiting(const EngineModel& engine, double wait_probability, const SlotWait& wait, const PromptQuanta& own,
                 LatencyLaw& law) {
  if (wait_probability < 1e-9) return;
  add_after_slot(engine, own, 0.0, wait_probability * (1.0 - wait.weight), law);
  for (const WaitCell& cell : wait_cells(wait.law, kWaitCell / engine.resolution(), kWaitTail / engine.resolution()))
    add_after_slot(engine, own, cell.wait_s, wait_probability * wait.weight * cell.weight, law);
}

/// First-token law of each class.
std::vector<LatencyLaw> first_token_laws(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                         const ReplicaArrivals& arrivals, const SolvedEngine& solved, double& lost) {
  std::vector<LatencyLaw> laws(classes.size(), LatencyLaw(engine.resolution()));
  std::vector<PromptQuanta> own;
  const double computed = 1.0 - engine.rules().prefix_cache_hit_ratio;
  for (const RequestClass& one : classes)
    own.push_back(class_quanta(one, computed, solved.quanta.quantum_tokens, engine.resolution()));
  for (const LatencyLaw::Atom& node : state_nodes(engine, solved.population)) {
    const double decoding =
        engine.is_chunked() ? node.value_s * engine.work().decode_iterations / (engine.work().decode_iterations + 1.0)
                            : node.value_s;
    const PrefillBacklog backlog = solve_prefill_backlog(engine, solved.quanta, arrivals, decoding);
    lost = std::max(lost, backlog.lost);
    const std::vector<double> weights = phase_weights(solved.population, node, backlog);
    for (std::size_t i = 0; i < classes.size(); ++i) add_first_token(engine, backlog, own[i], weights, laws[i]);
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    add_idle_first_token(engine, own[i], solved.population.seen_by_arrivals(0), laws[i]);
    const double waiting = solved.population.wait_probability;
    for (const LatencyLaw::Atom& wait : solved.population.waits)
      add_after_slot(engine, own[i], wait.value_s, waiting * wait.weight, laws[i]);
    if (solved.population.waits.empty())
      add_waiting(engine, waiting, slot_wait(classes, classes[i], solved.population), own[i], laws[i]);
  }
  return laws;
}

/// Are shorter outputs served first, or as early as longer ones?
bool is_shortest_first(const std::vector<RequestClass>& classes) {
  for (const RequestClass& one : classes)
    for (const RequestClass& other : classes)
      if (one.priority < other.priority && one.output.mean() > other.output.mean()) return false;
  return true;
}

/// Where slots are rearranged by priority in a way that the queue first come first served does not tell.
std::string priorities_out_of_range(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                    bool has_bursts, double waiting, double full) {
  if (!has_priorities(classes)) return "";
  if (has_bursts && waiting > kLeastBurstyWaiting)
    return fmt::format("priorities: bursts, and {:.1f} % of the requests wait for a slot", 100.0 * waiting);
  if (full > kMostFullByPriority)
    return fmt::format("priorities: {:.1f} % of the iterations leave prompt tokens waiting, more than {:.1f} %",
                       100.0 * full, 100.0 * kMostFullByPriority);
  if (waiting <= kMostRearranged) return "";
  if (!is_shortest_first(classes))
    return fmt::format("priorities: longer outputs first and {:.1f} % of the requests wait for a slot",
                       100.0 * waiting);
  if (engine.work().decode_scv < kLeastRearrangedScv)
    return fmt::format("priorities: outputs of scv {:.3g} below {} and {:.1f} % of the requests wait for a slot",
                       engine.work().decode_scv, kLeastRearrangedScv, 100.0 * waiting);
  return "";
}

/// The rules about arrivals alone.
std::string out_of_range(const ReplicaArrivals& arrivals, const RequestWork& work, double waiting) {
  const double most = arrivals.is_correlated ? kMostCorrelatedScv : kMostScv;
  if (arrivals.scv < kLeastScv || arrivals.scv > most)
    return fmt::format("arrivals of scv {:.3g}, not within {} to {}", arrivals.scv, kLeastScv, most);
  const bool is_geometric = work.decode_scv > kLeastGeometric && work.decode_scv < kMostGeometric;
  if (arrivals.bursts && !is_geometric && waiting > kLeastBurstyWaiting)
    return fmt::format(
        "bursts behind full slots: {:.1f} % of the requests wait for a slot and outputs are not geometric",
        100.0 * waiting);
  return "";
}

/// The rules that bound what docs/serving.md shows to be within its targets; each names itself.
std::string out_of_range(const EngineModel& engine, const std::vector<RequestClass>& classes,
                         const ReplicaArrivals& arrivals, const SolvedEngine& solved, const PrefillBacklog& backlog) {
  const RequestWork& work = engine.work();
  const double prompt_s =
      engine.is_chunked() ? marginal_prompt_s(engine, solved.population.mean_slots) : solved.prefill_s;
  const double share = arrivals.rate_per_s * prompt_s, waiting = solved.population.wait_probability;
  if (std::string reason = out_of_range(arrivals, work, waiting); !reason.empty()) return reason;
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
  return priorities_out_of_range(engine, classes, arrivals.bursts.has_value(), waiting, full);
}

/// Inside the range, but beyond the targets of docs/serving.md for single measures.
void name_weak_points(const EngineModel& engine, const std::vector<RequestClass>& classes,
                      const ReplicaArrivals& arrivals, const SolvedEngine& solved, ServingAnswer& answer) {
  const double load = solved.population.load;
  ModelError error;
  if (load > kNearCapacity) {
    answer.warnings.push_back(fmt::format(
        "rule near-capacity: at {:.0f} % of capacity ttft_p90_s and ttft_p99_s may be off by 20 %", 100.0 * load));
    error.widen("ttft_p90", 0.20);
    error.widen("ttft_p99", 0.20);
  }
  if (engine.work().prompt_scv > kUnequalPrompts) {
    const double tpot = engine.is_chunked() ? 0.12 : 0.16;
    answer.warnings.push_back(
        fmt::format("rule unequal-prompts: with prompts of very different length tpot_p99_s may be off by {:.0f} %, "
                    "ttft_p99_s by 20 %",
                    100.0 * tpot));
    error.widen("tpot_p99", tpot);
    error.widen("ttft_p99", 0.20);
  }
  if (arrivals.bursts && solvers::index_of_dispersion(*arrivals.bursts) > kBurstyDispersion) {
    answer.warnings.push_back("rule bursty-arrivals: tpot_p50_s may be off by 7 %, tpot_p99_s by 12 %");
    error.widen("tpot_p50", 0.07);
    error.widen("tpot_p99", 0.12);
  }
  const double waiting = solved.population.wait_probability;
  if (arrivals.bursts && waiting > kLeastBurstyWaiting && waiting < kMostBurstyWaiting) {
    answer.warnings.push_back(fmt::format(
        "rule bursts-fill-slots: {:.2g} % of the requests wait for a slot, ttft_p99_s lies where that begins "
        "and may be 60 % too high, ttft_mean_s 15 %",
        100.0 * waiting));
    error.widen("ttft_mean", 0.15);
    error.widen("ttft_p99", 0.60);
  }
  if (!engine.is_chunked() && (load > kPrefillFirstLoad || engine.work().decode_scv > 2.0)) {
    answer.warnings.push_back(
        "rule prefill-first: at high load or with heavy-tailed outputs tpot_p99_s may be 10 % too high");
    error.widen("tpot_p99", 0.10);
  }
  if (has_priorities(classes)) error.widen("ttft_p99", kRearrangedError);
  answer.model_error = error.entries();
}

}  // namespace

ServingAnswer solve_open_loop(const ServingSystem& system, const RequestLimits& limits, double resolution) {
  const ReplicaArrivals arrivals = replica_arrivals(system);
  EngineModel engine = engine_of(system.pool, system.classes);
  engine.resolve(resolution);
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
  // Little's law over the decode phase: sequences decoding = arrivals x decode iterations x cycle.
  const double cycle_s = decoding / (arrivals.rate_per_s * std::max(work.decode_iterations, 1e-300));
  const std::vector<GapNoise> noise = open_noise(engine, system.classes, arrivals, solved, {decoding, cycle_s});

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
  const PrefillBacklog backlog = solve_prefill_backlog(engine, solved.quanta, arrivals, decoding);
  answer.chains.push_back(backlog_record(backlog));
  answer.out_of_range = out_of_range(engine, system.classes, arrivals, solved, backlog);
  name_weak_points(engine, system.classes, arrivals, solved, answer);
  return answer;
}

}  // namespace windtunnel::modeling
