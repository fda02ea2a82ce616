// SPDX-License-Identifier: Apache-2.0
// The search for the fewest spares that hold full size for a share of the time.
#include <algorithm>
#include <cmath>

#include "modeling/chains/health/health_chain.h"

namespace windtunnel::modeling {

namespace {

using solvers::Index;

/// Availability never exceeds this: repairs that all crews together can end, over the failures of a full job.
double most_availability(const NodeHealth& health) {
  if (!health.repair_crews || !nodes_fail(health)) return 1.0;
  const double failures = health.failure_per_s * static_cast<double>(health.nodes);
  return static_cast<double>(*health.repair_crews) / (failures * health.repair.mean_s);
}

Count quantile(const DownCount& law, double ratio) {
  double sum = 0.0;
  for (Index n = 0; n < law.probability.size(); ++n) {
    sum += law.probability(n);
    if (sum >= ratio) return n;
  }
  return law.probability.size();
}

}  // namespace

std::optional<Count> smallest_spares(const NodeHealth& health, double ratio, const DownCount& known) {
  if (ratio > most_availability(health)) return std::nullopt;
  const auto enough = [&](Count spares) {
    NodeHealth with = health;
    with.spares = spares;
    return solve_down_count(with).at_most(spares) >= ratio;
  };
  // More spares than this mean that crews are at their limit and the answer is of no use.
  const Count limit = 16 * health.nodes + 1000;
  Count high = std::min(limit, quantile(known, ratio));
  Count low = high;  // in the end: not enough, or -1
  for (Count step = 1; low >= 0 && enough(low); step *= 2) {
    high = low;
    low = std::max<Count>(-1, low - step);
  }
  for (Count step = 1; high == low; step *= 2) {
    if (high >= limit) return std::nullopt;
    const Count next = std::min(limit, low + step);
    if (enough(next)) {
      high = next;
    } else {
      high = low = next;
    }
  }
  while (high - low > 1) {
    const Count middle = (low + high) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace windtunnel::modeling
