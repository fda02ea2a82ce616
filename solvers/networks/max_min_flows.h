// SPDX-License-Identifier: Apache-2.0
// Flows on a network at max-min fair rates: the fluid limit of fair congestion control, and the check on every closed
// form about congestion.
//
// Rates by progressive filling: all rates grow together; a flow stops growing when a link on its path is full.
// Source: Bertsekas, Gallager, Data Networks, 2nd edition, section 6.5.2.
#pragma once
#include <vector>

namespace windtunnel::solvers {

struct Flow {
  /// Numbers of the links it crosses, each once; at least one.
  std::vector<int> links;
  /// Amount to send, > 0.
  double amount = 1.0;
};

/// Rate of each flow when all send at once. Throws std::invalid_argument for an unknown link or a capacity not > 0.
std::vector<double> max_min_rates(const std::vector<double>& link_capacity, const std::vector<Flow>& flows);

/// Time at which each flow has sent its amount when all start together and rates are max-min fair among those that
/// remain. O(completions x filling).
///
/// For equal amounts the last flow ends at amount x max over links of (flows on it / capacity): no flow ever gets less
/// than the fair share of its worst link, and that link is busy to the end. The test holds it.
std::vector<double> completion_times(const std::vector<double>& link_capacity, const std::vector<Flow>& flows);

}  // namespace windtunnel::solvers
