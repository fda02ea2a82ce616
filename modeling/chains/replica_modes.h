// SPDX-License-Identifier: Apache-2.0
// How many replicas serve and start: the modes of the chain of requests present.
//
// [A] Looks come at exponential times of mean interval / 2 (what a change of load waits for a clock that ticks every
// interval). Replicas that start do so together, in up to six exponential phases that keep mean and scv of the start
// time; one more that joins sets them back so that the mean of what is left stays. Replicas that are not wanted are
// given up at the rate (number of them) / stop_delay, so that the number follows a falling load that much later.
#pragma once

#include <vector>

#include "modeling/chains/load_episode.h"
#include "modeling/chains/slot_population.h"
#include "solvers/modulated_population.h"

namespace windtunnel::modeling {

struct ReplicaMode {
  Count serving = 1;
  Count starting = 0;
  /// Phases of the start that are over, 0 .. start_phases - 1.
  int phase = 0;
};

int start_phases(const Duration& start_time);

/// Without an autoscaler the one mode in which all serve.
std::vector<ReplicaMode> replica_modes(Count replicas, const std::optional<Autoscaling>& scaling);

/// Transitions between the modes by the requests present.
std::vector<solvers::ModulatedPopulation::ModeChange> mode_changes(const std::vector<ReplicaMode>& modes,
                                                                   const Autoscaling& scaling, Count most_replicas,
                                                                   const std::vector<double>& present);

/// What replicas that share the requests present evenly complete, levels x modes. A replica with a slot free computes
/// the prompts that come, in `prompt_s` each, whatever it completes; one whose slots are full as many as it completes.
struct Completions {
  solvers::Matrix per_s;
  solvers::Matrix prevented_per_arrival;
};
Completions completions(const SlotRates& rates, double prompt_s, const std::vector<ReplicaMode>& modes,
                        const std::vector<double>& present);

}  // namespace windtunnel::modeling
