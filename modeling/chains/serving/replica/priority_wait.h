// SPDX-License-Identifier: Apache-2.0
// The wait for one of several servers by priority: smaller priorities first, first come first served within one, nobody
// interrupted.
#pragma once

#include <vector>

namespace windtunnel::modeling {

/// A law on [0, infinity) as a mixture of exponentials: weights > 0 that sum to 1, rates > 0.
struct ExponentialPart {
  double weight = 0.0;
  double rate_per_s = 0.0;
};
using ExponentialMixture = std::vector<ExponentialPart>;

/// Loads of a priority among others, as shares of what all servers together carry; 0 <= before < up_to < 1.
struct PriorityLoad {
  /// Of all priorities served first.
  double before = 0.0;
  /// Of those and its own.
  double up_to = 0.0;
};

/// Wait, given a wait, in M/M/c with `departures_per_s` while all servers are busy. Exact: the requests ahead are
/// geometric, and each departure is stretched by the busy period of those served first. Source: Kella, Yechiali, Naval
/// Research Logistics 32, 1985; the mean is Cobham's (Operations Research 2, 1954). The busy period's continuous
/// spectrum becomes `nodes` exponentials.
ExponentialMixture priority_wait(double departures_per_s, const PriorityLoad& load, int nodes = 48);

double mean_s(const ExponentialMixture& law);

/// A stretch of time that holds `weight` of a law, and the mean there.
struct WaitCell {
  double wait_s = 0.0;
  double weight = 0.0;
};

/// Cells that each hold at most `share` of what is left, until no more than `tail` is; the last holds that.
std::vector<WaitCell> wait_cells(const ExponentialMixture& law, double share = 0.1, double tail = 1e-5);

}  // namespace windtunnel::modeling
