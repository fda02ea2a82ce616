// SPDX-License-Identifier: Apache-2.0
// Event simulation of a Markov chain: one jump after the other, exponential stays. Slow, but it shares no formula with
// the solvers, so it can contradict them. Source: Gillespie, Journal of Computational Physics 22, 1976 (direct method).
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/numerics/confidence.h"

namespace windtunnel::solvers {

struct LongRunSimulationOptions {
  /// Simulated time before anything counts, >= 0.
  double warm_up_s = 0.0;
  /// Length of one batch, > 0: long against the chain's memory, or the batches are not independent and the interval is
  /// short.
  double batch_s = 0.0;
  /// >= 2; Student's t with batches - 1 degrees of freedom.
  int batches = 32;
  double confidence = 0.95;
  std::uint64_t seed = 1;
};

struct LongRunSimulation {
  /// Time average of the reward with the interval from the batches' means.
  Estimate reward;
  /// First autocorrelation of the batch means, -1..1. Clearly above 0: the batches are too short.
  double batch_correlation = 0.0;
  long long jumps = 0;
};

/// Long-run average of `reward`, one number per state, starting in `initial`, by the method of batch means (Law and
/// Kelton, Simulation Modeling and Analysis, 9.5.3). Throws ChainError for a wrong state or size, std::invalid_argument
/// for options.
LongRunSimulation simulate_long_run(const Generator& q, Index initial, const Vector& reward,
                                    const LongRunSimulationOptions& options);

struct FirstPassageSimulationOptions {
  /// >= 2.
  int samples = 10'000;
  std::uint64_t seed = 1;
};

struct FirstPassageSamples {
  /// Time to the first visit of a goal state, in increasing order.
  std::vector<double> time_s;

  Estimate mean_s(double confidence = 0.95) const { return mean_estimate(time_s, confidence); }
  Estimate quantile_s(double probability, double confidence = 0.95) const {
    return quantile_estimate(time_s, probability, confidence);
  }
};

/// Passage times from `initial` to any state with is_goal. Throws ChainError when a state that can be reached cannot
/// reach a goal (the passage might never end), or for a wrong state or size.
FirstPassageSamples simulate_first_passage(const Generator& q, Index initial, const std::vector<bool>& is_goal,
                                           const FirstPassageSimulationOptions& options = {});

}  // namespace windtunnel::solvers
