// SPDX-License-Identifier: Apache-2.0
// The slow chain of an engine: how many sequences hold slots. A birth-death chain whose death rates come from the time
// of an iteration with so many sequences; below the slot limit its law depends on the mean output only (processor
// sharing is insensitive), at the limit a queue builds up whose tail follows from the output's law.
#pragma once

#include <vector>

#include "modeling/chains/serving/engine/mean_work.h"
#include "modeling/chains/serving/requests/latency_law.h"

namespace windtunnel::modeling {

/// An engine with n = 0, 1, ..., slots sequences in its slots.
struct SlotRates {
  /// Requests completed per second, and mean seconds of an iteration.
  std::vector<double> completion_per_s;
  std::vector<double> iteration_s;
  /// Of the n, in prefill.
  std::vector<double> in_prefill;
};

/// Chunked: prompts in progress and decodes are two stations of a closed network that share n (product form); an
/// iteration computes every prompt in progress unless the token budget binds. prefill_first: n decode, and every
/// completion stops decoding for one prefill of `prefill_s_per_prompt`.
SlotRates slot_rates(const EngineModel& engine, double prefill_s_per_prompt);

/// Of an engine that always holds `sequences`: prompts in progress, seconds of an iteration (prefill_first: of a decode
/// iteration with the prefill it brings), requests completed per iteration.
struct FullEngine {
  double in_prefill = 0.0;
  double iteration_s = 0.0;
  double completed_per_iteration = 0.0;
  double requests_per_s() const { return completed_per_iteration / iteration_s; }
};
FullEngine full_engine(const EngineModel& engine, double sequences);

/// Requests per second of an engine whose slots are always full.
double saturated_requests_per_s(const EngineModel& engine);

/// Wait for a slot, given a wait: `weight` of it is exponential, the rest is short against everything else.
struct SlotQueue {
  double weight = 1.0;
  double rate_per_s = 0.0;
  double mean_s() const { return weight / rate_per_s; }
};

struct SlotPopulation {
  /// P(n slots held), n = 0 .. slots; the last holds everything from "all slots held" on.
  std::vector<double> law;
  /// P(an arrival waits for a slot).
  double wait_probability = 0.0;
  /// First come first served.
  SlotQueue queue;
  /// Arrivals over what leaves while all slots are held, below 1.
  double load = 0.0;
  double mean_slots = 0.0;
  double variance_slots = 0.0;

  /// Where arrivals have bursts: calm, busy. Otherwise empty.
  struct Phase {
    /// P(n slots held in this phase), as `law`, and requests completed per second then.
    std::vector<double> law;
    std::vector<double> completion_per_s;
    /// Share of the time, arrivals per second.
    double time_ratio = 0.0;
    double arrival_per_s = 0.0;
    /// Share of the time that prompts add to iterations.
    double prefill_share = 0.0;
  };
  std::vector<Phase> phases;
  /// And the law of a wait for a slot, given that there is one; `queue` then holds its mean.
  std::vector<LatencyLaw::Atom> waits;

  /// P(an arrival finds n slots held).
  double seen_by_arrivals(std::size_t n) const;
};

struct PopulationLoad {
  double arrival_per_s = 0.0;
  double arrival_scv = 1.0;
  /// Variance of the number in slots over that of the plain birth-death chain: bunched arrivals, prefill bursts.
  double dispersion = 1.0;
};

/// Fills mean_slots and variance_slots from the law.
void set_moments(SlotPopulation& population);

/// Mean wait for one of `servers` at this load, given a wait, over that of exponential services.
double wait_factor(double servers, double load, double scv);

/// Throws NoAnswerError when the load is not below the saturated rate.
SlotPopulation solve_slot_population(const EngineModel& engine, const SlotRates& rates, const PopulationLoad& load);

}  // namespace windtunnel::modeling
