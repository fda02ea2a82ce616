// SPDX-License-Identifier: Apache-2.0
// What arrives at one engine: a rate, how irregular the gaps are, and bursts where they last.
#pragma once

#include <cmath>
#include <optional>

#include "modeling/chains/serving/requests/system.h"
#include "solvers/arrivals/switched_poisson.h"

namespace windtunnel::modeling {

/// Arrivals at one engine.
struct ReplicaArrivals {
  double rate_per_s = 0.0;
  /// Squared coefficient of variation of the interarrival times, gamma distributed and independent without `bursts`.
  double scv = 1.0;
  /// Two levels of the rate, of this mean; empty for Poisson arrivals, for nearly Poisson and for more regular ones.
  std::optional<solvers::SwitchedPoisson> bursts;
  /// Neighbouring gaps are alike: bursts that last.
  bool is_correlated = false;

  bool is_poisson() const { return !bursts && std::abs(scv - 1.0) < 1e-9; }
};

/// The share of one of the pool's replicas. Irregular renewal arrivals come as bursts with the same variance of their
/// number in `window_s` and in the long run; the calm phase is without arrivals, so the gaps stay independent [A: their
/// law is hyperexponential instead of gamma].
ReplicaArrivals arrivals_at_one(const ServingSystem& system, double window_s);

/// Variance over mean of the number of arrivals in `seconds`: near 1 for short times and Poisson.
double count_dispersion(const ReplicaArrivals& stream, double seconds);

}  // namespace windtunnel::modeling
