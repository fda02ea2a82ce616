// SPDX-License-Identifier: Apache-2.0
// Poisson arrivals whose rate alternates between a calm and a busy level, exponential stays in both: the smallest
// process with bursts that last (MMPP of two phases). With a calm rate of 0 the interarrival times are independent and
// hyperexponential, so bursts that do not last are of this kind too.
// Source: Fischer, Meier-Hellstern, The Markov-modulated Poisson process cookbook, Performance Evaluation 18, 1993.
#pragma once

#include "solvers/arrivals/arrival_process.h"

namespace windtunnel::solvers {

struct SwitchedPoisson {
  /// Arrivals per second in each phase, 0 <= calm <= busy, busy > 0.
  double calm_per_s = 0.0;
  double busy_per_s = 0.0;
  /// Ends of the calm and of the busy phase per second, > 0.
  double calm_end_per_s = 0.0;
  double busy_end_per_s = 0.0;

  /// Share of the time, 0..1.
  double busy_ratio() const { return calm_end_per_s / (calm_end_per_s + busy_end_per_s); }
  double rate_per_s() const { return calm_per_s + busy_ratio() * (busy_per_s - calm_per_s); }
  /// The phase's memory fades with exp(-forget_per_s t).
  double forget_per_s() const { return calm_end_per_s + busy_end_per_s; }
  /// Variance of the rate, 1/s^2.
  double rate_variance() const;
};

/// Phase 0 calm, phase 1 busy.
MarkovianArrivals arrivals_of(const SwitchedPoisson& x);
/// Every arrival is kept with this probability, 0 < keep <= 1, independently. Exact.
SwitchedPoisson thinned(const SwitchedPoisson& x, double keep_probability);
/// The same pattern, `factor` > 0 times as fast.
SwitchedPoisson faster(const SwitchedPoisson& x, double factor);

/// 1 - (1 - exp(-x)) / x, x >= 0: what a memory that fades at x per window adds to its counts, over the long run. From
/// 0 to 1, without cancellation.
double grown_ratio(double x);

/// Variance over mean of the number of arrivals in `seconds` > 0 that start at any time: 1 for no time,
/// 1 + 2 rate_variance / (rate forget) in the long run.
double count_dispersion(const SwitchedPoisson& x, double seconds);
/// Its limit for long times.
double index_of_dispersion(const SwitchedPoisson& x);

/// P(the next arrival comes more than `seconds` after one).
double gap_survival(const SwitchedPoisson& x, double seconds);

/// Half of the time busy; this rate, scv > 1 of the interarrival times and index of dispersion >= scv; at the scv the
/// interarrival times are independent. Throws std::invalid_argument outside.
SwitchedPoisson switched_by_dispersion(double rate_per_s, double scv, double index_of_dispersion);
/// The same by the correlation of neighbouring interarrival times, in [0, (scv - 1) / (2 scv)).
SwitchedPoisson switched_by_correlation(double rate_per_s, double scv, double lag1_correlation);
/// This rate, variance of the rate (1/s^2) > 0 and forgetting rate; half of the time busy where the calm rate is then
/// not negative, otherwise calm without arrivals and busy as long as the variance asks.
SwitchedPoisson switched_by_variance(double rate_per_s, double rate_variance, double forget_per_s);

}  // namespace windtunnel::solvers
