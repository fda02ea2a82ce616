// SPDX-License-Identifier: Apache-2.0
// How long each class of an open loop waits for a slot: first come first served, or by priority.
#pragma once

#include <vector>

#include "modeling/chains/serving/replica/priority_wait.h"
#include "modeling/chains/serving/replica/slot_population.h"

namespace windtunnel::modeling {

/// Shares of the slots that are asked for before a class, and up to its own priority, by the work of the outputs;
/// `load` is that of all classes.
PriorityLoad priority_load(const std::vector<RequestClass>& classes, const RequestClass& own, double load);

/// Wait of a class, given a wait: `weight` of it follows `law`, the rest is short against everything else.
struct SlotWait {
  double weight = 1.0;
  ExponentialMixture law;
};

/// The queue first come first served, rearranged as priorities rearrange that of M/M/c with the same mean wait [A]: the
/// ratio of means is M/G/1's, as in Bondi, Buzen, Performance Evaluation Review 12(3), 1984. Its range:
/// docs/serving.md.
SlotWait slot_wait(const std::vector<RequestClass>& classes, const RequestClass& own, const SlotPopulation& population);

}  // namespace windtunnel::modeling
