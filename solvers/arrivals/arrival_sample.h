// SPDX-License-Identifier: Apache-2.0
// Recorded arrivals: how irregular they are at several time scales, and the switched Poisson process like them.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "solvers/arrivals/switched_poisson.h"

namespace windtunnel::solvers {

struct ArrivalSample {
  double rate_per_s = 0.0;
  /// Of the interarrival times: squared coefficient of variation, and correlation of neighbours.
  double scv = 1.0;
  double lag1_correlation = 0.0;
  /// Variance over mean of the number of arrivals in consecutive windows of so many seconds.
  struct Window {
    double seconds = 0.0;
    double dispersion = 1.0;
    /// So many of them.
    double count = 0.0;
  };
  /// Windows that hold 1, sqrt(10), 10, ... arrivals in the mean, as long as there are at least 20 of them.
  std::vector<Window> windows;
  /// Rate of the busiest tenth of the time over the mean rate.
  double busiest_tenth_ratio = 1.0;
};

/// `arrival_s` ascending, at least two, not all at the same time; else std::invalid_argument.
ArrivalSample measure_arrivals(std::span<const double> arrival_s);

/// The process with this rate whose dispersion 1 + A (1 - (1 - exp(-w t)) / (w t)) is nearest to the windows' (least
/// squares of the relative errors, each over what few windows and two levels leave open; A in closed form for each of a
/// row of w). Empty: not told apart from Poisson.
std::optional<SwitchedPoisson> fit_switched_poisson(const ArrivalSample& sample);

/// Kolmogorov-Smirnov distance: largest difference between the shares of interarrival times up to some length.
double gap_distance(std::span<const double> arrival_s, const std::optional<SwitchedPoisson>& fitted, double rate_per_s);

}  // namespace windtunnel::solvers
