// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/slot_wait.h"

namespace windtunnel::modeling {

PriorityLoad priority_load(const std::vector<RequestClass>& classes, const RequestClass& own, double load) {
  PriorityLoad loads;
  for (const RequestClass& one : classes) {
    const double work = load * one.share * one.output.mean() / mean_output_tokens(classes);
    if (one.priority < own.priority) loads.before += work;
    if (one.priority <= own.priority) loads.up_to += work;
  }
  return loads;
}

SlotWait slot_wait(const std::vector<RequestClass>& classes, const RequestClass& own,
                   const SlotPopulation& population) {
  const SlotQueue& queue = population.queue;
  if (!has_priorities(classes)) return {queue.weight, {{1.0, queue.rate_per_s}}};
  const PriorityLoad load = priority_load(classes, own, population.load);
  const bool is_last = load.up_to > population.load * (1.0 - 1e-9);
  const double rate_per_s = is_last ? queue.rate_per_s : 1.0 / queue.mean_s();
  return {is_last ? queue.weight : 1.0, priority_wait(rate_per_s / (1.0 - population.load), load)};
}

}  // namespace windtunnel::modeling
