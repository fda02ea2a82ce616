// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/fleet/serving_chain.h"

#include <fmt/format.h>

#include "modeling/chains/serving/fleet/shortest_queue.h"
#include "modeling/chains/serving/loops/closed_loop.h"
#include "modeling/chains/serving/loops/disaggregated.h"
#include "modeling/chains/serving/loops/open_loop.h"
#include "modeling/chains/serving/replica/replica_chain.h"

namespace windtunnel::modeling {

double serving_capacity_per_s(const ServingSystem& system) {
  if (system.prefill) return disaggregated_capacity_per_s(system);
  return static_cast<double>(system.pool.replicas) * saturated_requests_per_s(engine_of(system.pool, system.classes));
}

namespace {

/// Open arrivals split at random or in turns; a closed loop whose requests stay spread evenly; empty for those.
std::string unknown_placement(const ServingSystem& system) {
  using Kind = ArrivalLaw::Kind;
  const bool has_choice = system.pool.replicas > 1 || (system.prefill && system.prefill->replicas > 1);
  // Where prompts always wait every replica has its own.
  if (!has_choice || system.arrivals.kind == Kind::kUnlimited) return "";
  if (system.arrivals.kind == Kind::kClosed && !system.prefill) {
    const Count requests = system.arrivals.concurrency, replicas = system.pool.replicas;
    if (system.balancer == LoadBalancer::kRandom) return "a closed loop placed at random";
    if (system.balancer == LoadBalancer::kRoundRobin) return "taking turns between replicas of a closed loop";
    if (requests > replicas && requests % replicas != 0)
      return fmt::format("a closed loop of {} requests, which {} replicas cannot share evenly,", requests, replicas);
    return "";
  }
  const bool has_plain_arrivals = system.arrivals.scv == 1.0 && !system.arrivals.bursts;
  if (system.balancer == LoadBalancer::kShortestQueue && system.prefill) return "the shortest queue of separate pools";
  if (system.balancer == LoadBalancer::kShortestQueue && !has_plain_arrivals)
    return "the shortest queue of several with bursty arrivals";
  if (system.balancer == LoadBalancer::kShortestQueue && has_priorities(system.classes))
    return "the shortest queue of several with priorities";
  if (system.balancer == LoadBalancer::kRoundRobin && system.prefill) return "taking turns between separate pools";
  return "";
}

}  // namespace

namespace {

/// Some prompt is worked on in chunks while the engine has room for more of it.
bool has_divided_prompts(const ServingSystem& system) {
  const auto divides = [&](const EnginePool& pool) {
    return std::any_of(system.classes.begin(), system.classes.end(), [&](const RequestClass& one) {
      return static_cast<double>(one.prompt.mean()) > pool.rules.max_prompt_chunk;
    });
  };
  return divides(system.prefill ? *system.prefill : system.pool);
}

}  // namespace

std::string not_covered_by_chains(const ServingSystem& system) {
  if (system.requests) return "a run of a given number of requests that starts empty";
  if (system.arrivals.kind == ArrivalLaw::Kind::kTrace) return "a trace replayed";
  if (has_divided_prompts(system))
    return "prompts longer than the token budget of one attention rank or pipeline batch";
  if (std::string placement = unknown_placement(system); !placement.empty()) return placement;
  const auto is_constant = [](const RequestClass& one) {
    return one.prompt.is_constant() && (one.output.is_constant() || one.output.mean() == 1.0);
  };
  const bool is_closed = system.arrivals.kind != ArrivalLaw::Kind::kOpen;
  if (system.prefill && is_closed) return "a closed loop over prefill and decode replicas";
  if (system.prefill && has_priorities(system.classes)) return "priorities over prefill and decode replicas";
  if (system.prefill && (system.arrivals.scv != 1.0 || system.arrivals.bursts))
    return "bursty arrivals at prefill replicas";
  if (system.arrivals.bursts && system.balancer == LoadBalancer::kRoundRobin && system.pool.replicas > 1)
    return "taking turns of correlated arrivals";
  if (is_closed && system.classes.size() == 1 && is_constant(system.classes.front()) && !system.pool.rules.speculative)
    return "constant lengths in a closed loop, a schedule that repeats";
  return "";
}

ServingAnswer solve_serving(const ServingSystem& system, const RequestLimits& limits, double resolution) {
  if (system.prefill) return solve_disaggregated(system, limits, resolution);
  if (system.arrivals.kind != ArrivalLaw::Kind::kOpen) return solve_closed_loop(system, limits, resolution);
  if (system.balancer == LoadBalancer::kShortestQueue && system.pool.replicas > 1)
    return solve_balanced_loop(system, limits, resolution);
  return solve_open_loop(system, limits, resolution);
}

}  // namespace windtunnel::modeling
