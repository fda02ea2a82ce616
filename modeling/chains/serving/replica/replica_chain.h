// SPDX-License-Identifier: Apache-2.0
// What the chains of one replica share: its arrivals, its engine, its solved slots, and the noise of its cycles.
#pragma once

#include <vector>

#include "modeling/chains/serving/replica/prefill_backlog.h"
#include "modeling/chains/serving/replica/slot_population.h"
#include "modeling/chains/serving/requests/latency_law.h"

namespace windtunnel::modeling {

/// Arrivals at one of the pool's replicas, irregular ones matched at the time of its iterations.
ReplicaArrivals replica_arrivals(const ServingSystem& system);

/// The engine with its slots limited by KV memory where that is less than max_batch.
EngineModel engine_of(const EnginePool& pool, const std::vector<RequestClass>& classes);

/// Seconds that one more prompt adds to an engine that holds `decoding` sequences.
double marginal_prompt_s(const EngineModel& engine, double decoding);

/// Variance over mean of the number of prompts in a long time, counted in decode iterations: each prompt delays the
/// others by its own time, in which more arrive. The total progeny of a branching process whose offspring have mean
/// `share` and variance share + share^2 scv.
double prompt_bunching(double arrival_scv, double share, double prompt_scv);

struct SolvedEngine {
  SlotRates rates;
  SlotPopulation population;
  PromptQuanta quanta;
  double prefill_share = 0.0;
  /// prefill_first: seconds of prefill per prompt.
  double prefill_s = 0.0;
};

/// Slots and prefill of one replica in an open loop. Throws NoAnswerError for a load at or above capacity.
SolvedEngine solve_engine(const EngineModel& engine, const std::vector<RequestClass>& classes,
                          const ReplicaArrivals& arrivals);

/// The cycle time over the slots held, as decoding sequences see it: deviations normalised to mean 0 and variance 1.
struct SlowCycles {
  double mean_s = 0.0;
  double std_s = 0.0;
  std::vector<LatencyLaw::Atom> shape;
};
SlowCycles slow_cycles(const EngineModel& engine, const SolvedEngine& solved);
/// The same in one phase of bursty arrivals.
SlowCycles slow_cycles(const EngineModel& engine, const SlotPopulation::Phase& phase);

/// About six cells of equal probability of the slots that arrivals find held, 1 .. slots - 1, each with its mean.
std::vector<LatencyLaw::Atom> state_nodes(const EngineModel& engine, const SlotPopulation& population);

ChainRecord slot_record(const SolvedEngine& solved);
ChainRecord backlog_record(const PrefillBacklog& backlog);

}  // namespace windtunnel::modeling
