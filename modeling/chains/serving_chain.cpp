// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving_chain.h"

#include "modeling/chains/closed_loop.h"
#include "modeling/chains/disaggregated.h"
#include "modeling/chains/open_loop.h"
#include "modeling/chains/replica_chain.h"

namespace windtunnel::modeling {

double serving_capacity_per_s(const ServingSystem& system) {
  if (system.prefill) return disaggregated_capacity_per_s(system);
  return static_cast<double>(system.pool.replicas) * saturated_requests_per_s(engine_of(system.pool, system.classes));
}

std::string not_covered_by_chains(const ServingSystem& system) {
  if (system.requests) return "a run of a given number of requests that starts empty";
  if (system.arrivals.kind == ArrivalLaw::Kind::kTrace) return "a trace replayed";
  const bool has_choice = system.pool.replicas > 1 || (system.prefill && system.prefill->replicas > 1);
  const bool takes_turns = system.balancer == LoadBalancer::kRoundRobin && has_choice;
  if (system.balancer == LoadBalancer::kShortestQueue && has_choice) return "the shortest queue of several";
  if (takes_turns && (system.prefill || system.arrivals.kind != ArrivalLaw::Kind::kOpen))
    return "taking turns between replicas in a closed loop or of separate pools";
  const auto is_constant = [](const RequestClass& one) {
    return one.prompt.is_constant() && (one.output.is_constant() || one.output.mean() == 1.0);
  };
  const bool is_closed = system.arrivals.kind != ArrivalLaw::Kind::kOpen;
  if (system.prefill && is_closed) return "a closed loop over prefill and decode replicas";
  if (system.prefill && system.arrivals.scv != 1.0) return "bursty arrivals at prefill replicas";
  if (is_closed && system.classes.size() == 1 && is_constant(system.classes.front()) && !system.pool.rules.speculative)
    return "constant lengths in a closed loop, a schedule that repeats";
  return "";
}

ServingAnswer solve_serving(const ServingSystem& system, const RequestLimits& limits) {
  if (system.prefill) return solve_disaggregated(system, limits);
  return system.arrivals.kind == ArrivalLaw::Kind::kOpen ? solve_open_loop(system, limits)
                                                         : solve_closed_loop(system, limits);
}

}  // namespace windtunnel::modeling
