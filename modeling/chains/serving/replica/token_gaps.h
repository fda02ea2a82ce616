// SPDX-License-Identifier: Apache-2.0
// Time between tokens: the law of the average over a request's k decode iterations.
//
// A decode iteration takes longer while more sequences hold slots (slow, remembered over many iterations) and while
// prompts are computed (fast, prompt by prompt). Both are linear around the mean state (linear noise approximation),
// the fast part keeps its lattice: few prompts hit a short output.
#pragma once

#include <vector>

#include "modeling/chains/serving/engine/mean_work.h"
#include "modeling/chains/serving/replica/prefill_backlog.h"
#include "modeling/chains/serving/requests/latency_law.h"

namespace windtunnel::modeling {

/// The engine around its mean state.
struct GapNoise {
  /// Points of every grid over the usual ones.
  double resolution = 1.0;
  /// Mean seconds from one token of a sequence to its next.
  double cycle_s = 0.0;
  /// Prompts computed per cycle: mean, and variance over mean in the long run and of one cycle alone.
  double prompts_per_cycle = 0.0;
  double long_run_dispersion = 1.0;
  double one_cycle_dispersion = 1.0;
  /// What the arrivals' own burstiness adds from one cycle to many, a factor.
  double dispersion_growth = 1.0;
  /// Of neighbouring cycles' prompts.
  double prompt_correlation = 0.0;
  /// Prompts that a request meets beyond the mean because its own prefill made others wait; the part that is left after
  /// each cycle is prompt_correlation.
  double own_prompts = 0.0;
  /// Seconds a prompt of mean length adds, and the law of the lengths.
  double prompt_s = 0.0;
  PromptQuanta prompts;
  /// Seconds between the first token and the first decode iteration.
  double start_s = 0.0;
  /// No cycle takes longer: the budget of one iteration is full.
  double longest_cycle_s = kNoLimit;
  /// Standard deviation of the cycle time by the number of sequences, s, and how fast it forgets, per cycle.
  double slow_std_s = 0.0;
  double slow_decay = 0.0;
  /// Share of that variance that forgets with the phase of bursty arrivals instead, and how fast, per cycle.
  double phase_share = 0.0;
  double phase_decay = 0.0;
  /// Bursty arrivals: where requests start, calm or busy. Otherwise empty.
  struct Start {
    /// Share of the requests.
    double weight = 1.0;
    /// First cycles beyond cycle_s: what fades with the slots, and with the phase.
    double slots_excess_s = 0.0;
    double phase_excess_s = 0.0;
    /// First prompts per cycle over their mean, less 1; fades with the phase.
    double prompts_excess = 0.0;
    /// Prompts beyond the mean because of its own prefill, over own_prompts.
    double own_ratio = 1.0;
    /// Standard deviation of the cycle time over the slots held, and its normalised deviations.
    double std_s = 0.0;
    std::vector<LatencyLaw::Atom> shape;
  };
  std::vector<Start> starts;
  /// Covariance of slow and fast part per cycle, s^2: arrivals during a life make it longer twice.
  double shared_s2 = 0.0;
  /// Normalised deviations (mean 0, variance 1) of the slow part and their weights.
  std::vector<LatencyLaw::Atom> slow_shape;
};

/// Mean over k cycles of something that fades at rate x / k per cycle from 1.
double faded_share(double x);

/// Prompts beyond the mean in the first k cycles, over all starts.
double own_prompts_within(const GapNoise& noise, double k);

/// Law of the total seconds of k cycles: atoms whose weights sum to 1.
std::vector<LatencyLaw::Atom> total_gap(const GapNoise& noise, double k);

}  // namespace windtunnel::modeling
