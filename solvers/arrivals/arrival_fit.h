// SPDX-License-Identifier: Apache-2.0
// Arrival processes of two phases with given moments and correlation of the interarrival times.
#pragma once
#include <string>

#include "solvers/arrivals/arrival_process.h"

namespace windtunnel::solvers {

struct ArrivalFit {
  MarkovianArrivals arrivals;
  /// All numbers asked for are met.
  bool is_exact = false;
  /// What was moved to the nearest reachable value, from where to where; empty when exact.
  std::string adjustment;
};

/// Correlations of neighbouring interarrival times that two phases reach with the interarrival law of two phases that
/// match_two_phases finds for these raw moments. The lag-k correlation is the lag-1 correlation times gamma^(k-1).
struct CorrelationRange {
  double lower = 0.0;
  double upper = 0.0;
};
CorrelationRange correlation_range_of_two_phases(double m1, double m2, double m3);

/// MAP of two phases in canonical form with these three raw moments and this lag-1 correlation; 0 gives independent
/// interarrival times. Outside of what two phases reach, the nearest moments (match_two_phases), then the nearest
/// correlation. Canonical forms: Bodrog, Heindl, Horvath, Telek, European Journal of Operational Research 190, 2008.
/// Throws std::invalid_argument for impossible moments or a correlation not within -1..1.
ArrivalFit fit_arrivals(double m1, double m2, double m3, double lag1_correlation);

/// Poisson process switched between two rates, half of the time at each, with this mean interarrival time, scv >= 1 and
/// lag-1 correlation in [0, (scv - 1) / (2 scv)); closed form. Nearest reachable values else: scv 1, correlation 0 or
/// 1e-6 below the bound.
ArrivalFit fit_switched_poisson(double mean_s, double scv, double lag1_correlation);

}  // namespace windtunnel::solvers
