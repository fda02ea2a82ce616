// SPDX-License-Identifier: Apache-2.0
// Makespan of a precedence graph by simulation: the check on every analytic step time.
#pragma once
#include <cstdint>
#include <vector>

#include "solvers/numerics/confidence.h"
#include "solvers/precedence/precedence_graph.h"

namespace windtunnel::solvers {

struct GraphSimulationOptions {
  /// >= 2.
  int samples = 10'000;
  std::uint64_t seed = 1;
};

struct MakespanSamples {
  /// In increasing order.
  std::vector<double> makespan_s;

  Estimate mean_s(double confidence = 0.95) const { return mean_estimate(makespan_s, confidence); }
  Estimate variance_s2(double confidence = 0.95) const { return variance_estimate(makespan_s, confidence); }
  Estimate quantile_s(double probability, double confidence = 0.95) const {
    return quantile_estimate(makespan_s, probability, confidence);
  }
};

/// Draws every duration afresh in each sample; O(samples * (nodes + edges)). The same seed gives the same samples on
/// every machine whose logarithm rounds alike. Throws std::invalid_argument for fewer than 2 samples.
MakespanSamples simulate_makespan(const PrecedenceGraph& graph, const GraphSimulationOptions& options = {});

}  // namespace windtunnel::solvers
