// SPDX-License-Identifier: Apache-2.0
// The slow chain of an engine whose arrivals have bursts: sequences in slots x {calm, busy}, a quasi-birth-death chain.
// Busy phases bring more sequences, and their prompts leave less of the time for decoding.
#pragma once

#include <vector>

#include "modeling/chains/serving/replica/arrivals.h"
#include "modeling/chains/serving/replica/slot_population.h"

namespace windtunnel::modeling {

struct BurstyLoad {
  solvers::SwitchedPoisson arrivals;
  /// Seconds that one prompt adds.
  double prompt_s = 0.0;
  /// Seconds of an iteration: prompts computed now came so long ago.
  double iteration_s = 0.0;
  /// Mean number of prompts that reach decode together, >= 1, geometric.
  double bunch = 1.0;
};

/// Exact for geometric outputs given the death rates. Other outputs: the phases end so fast that without a limit on
/// slots the variance of the number held is theirs [A]; exact where phases outlast requests. Levels n < slots decode at
/// the speed that prompts leave, in proportion to 1 - arrivals in the phase x prompt_s [A].
/// Throws NoAnswerError when the load is not below the saturated rate.
SlotPopulation solve_bursty_slots(const EngineModel& engine, const std::vector<RequestClass>& classes,
                                  const SlotRates& rates, const BurstyLoad& load);

}  // namespace windtunnel::modeling
