// SPDX-License-Identifier: Apache-2.0
// The fast chain of an engine: prompt tokens that wait at iteration boundaries while the number of decoding sequences
// stands still. Embedded at the boundaries it is a chain of M/G/1 type: an iteration computes what fits its budget, and
// the prompts that arrive while it runs wait at the next boundary. Bursts add the phase of the arrivals to the state.
#pragma once

#include <vector>

#include "modeling/chains/serving/engine/mean_work.h"
#include "modeling/chains/serving/replica/arriving_work.h"

namespace windtunnel::modeling {

/// Constant prompts: one quantum each when a whole prompt fits `room_tokens`, otherwise so many that an iteration
/// computes at least four. Other prompts: quanta of a quarter of the mean (of the room, when that is less), or coarser
/// where the longest prompts would not find room.
/// `resolution`: quanta per prompt, and backlogs kept, over the usual numbers.
PromptQuanta prompt_quanta(const std::vector<RequestClass>& classes, double computed_ratio, double room_tokens,
                           double resolution = 1.0);

/// The prompts of one class in quanta of the given size.
PromptQuanta class_quanta(const RequestClass& one, double computed_ratio, double quantum_tokens,
                          double resolution = 1.0);

struct PrefillBacklog {
  double decoding = 0.0;
  double quantum_tokens = 1.0;
  /// Stationary law of the backlog (quanta) at boundaries.
  std::vector<double> law;
  /// By backlog: seconds of the iteration that starts with it, and the quanta it computes.
  std::vector<double> iteration_s;
  std::vector<double> computed;
  /// What arrivals see, by the phase in which their iteration starts: one entry, or calm and busy.
  struct Phase {
    /// Share of the arrivals.
    double arrival_ratio = 1.0;
    /// By backlog: P(an arrival comes while the iteration runs that starts with it), sums to 1.
    std::vector<double> seen;
    /// By backlog: law of the work, quanta, that arrives beside one arrival during that iteration.
    std::vector<std::vector<double>> companions;
  };
  std::vector<Phase> phases;
  /// Means over iterations.
  double mean_iteration_s = 0.0;
  /// Seconds per decode iteration, prefill iterations in between included.
  double decode_cycle_s = 0.0;
  /// Prefill time per prompt that does not overlap a decode iteration; prefill_first only.
  double prefill_s_per_prompt = 0.0;
  /// Nobody decodes: with an empty backlog the engine idles until the next arrival, which starts at once.
  bool idles = false;
  /// Probability beyond the largest backlog kept.
  double lost = 0.0;
  /// The prompts alone take more than the engine has.
  bool is_unstable = false;
};

/// Prompts on an engine that holds `decoding` sequences; at 0 it only prefills, and arrivals must be without bursts.
PrefillBacklog solve_prefill_backlog(const EngineModel& engine, const PromptQuanta& prompts,
                                     const ReplicaArrivals& stream, double decoding);

}  // namespace windtunnel::modeling
