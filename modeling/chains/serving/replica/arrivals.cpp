// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/replica/arrivals.h"

#include <algorithm>
#include <cmath>

#include "solvers/numerics/incomplete_gamma.h"

namespace windtunnel::modeling {

namespace {

/// Up to here the counts of a gamma renewal process in an iteration say enough.
constexpr double kBurstyScv = 1.2;

/// The x at which solvers::grown_ratio has this value.
double window_per_memory(double grown) {
  double low = 0.0, high = 1.0 / (1.0 - std::min(grown, 0.999));
  for (int i = 0; i < 60; ++i) {
    const double x = 0.5 * (low + high);
    (solvers::grown_ratio(x) < grown ? low : high) = x;
  }
  return high;
}

solvers::SwitchedPoisson bursts_like_gamma(double rate_per_s, double scv, double window_s) {
  const double counted = count_dispersion({.rate_per_s = rate_per_s, .scv = scv}, window_s);
  const double forget = window_per_memory(std::clamp((counted - 1.0) / (scv - 1.0), 1e-3, 0.999)) / window_s;
  // The long run: 1 + 2 variance / (rate forget) = scv.
  const double variance = 0.5 * (scv - 1.0) * rate_per_s * forget;
  return solvers::switched_by_variance(rate_per_s, variance, forget);
}

}  // namespace

ReplicaArrivals arrivals_at_one(const ServingSystem& system, double window_s) {
  const double replicas = static_cast<double>(system.pool.replicas), rate = system.arrivals.rate_per_s;
  const bool takes_turns = system.balancer == LoadBalancer::kRoundRobin;
  ReplicaArrivals one{.rate_per_s = rate / replicas, .scv = system.arrivals.scv};
  // Every R-th arrival is R gaps long: gamma again.
  if (takes_turns) one.scv /= replicas;
  if (system.arrivals.bursts) {
    one.bursts = solvers::thinned(solvers::faster(*system.arrivals.bursts, rate), 1.0 / replicas);
    one.is_correlated = true;
  } else if (one.scv > kBurstyScv) {
    one.bursts = takes_turns ? bursts_like_gamma(one.rate_per_s, one.scv, window_s)
                             : solvers::thinned(bursts_like_gamma(rate, one.scv, window_s), 1.0 / replicas);
  }
  // A random one of R streams keeps 1/R of the irregularity.
  if (!takes_turns) one.scv = 1.0 + (one.scv - 1.0) / replicas;
  return one;
}

double count_dispersion(const ReplicaArrivals& stream, double seconds) {
  if (stream.bursts) return solvers::count_dispersion(*stream.bursts, seconds);
  const double mean = stream.rate_per_s * seconds;
  // Nearly constant gaps: the counts are the two whole numbers next to the mean.
  if (stream.scv < 0.01) {
    const double share = mean - std::floor(mean);
    return mean > 0.0 ? share * (1.0 - share) / mean : 1.0;
  }
  // From here on within some percent of the limit.
  if (mean > 12.0) return stream.scv;
  // Cox, Renewal Theory, 1962, section 4.5: 1 - mean + 2 / t times the integral of the renewal function to t, which is
  // the sum over k of P(k gaps fit). Midpoint rule.
  constexpr int kSteps = 8;
  const double shape = 1.0 / stream.scv;
  double integral = 0.0;
  for (int i = 0; i < kSteps; ++i) {
    const double at = mean * (i + 0.5) / kSteps / stream.scv;
    for (double k = 1.0; k < 400.0; k += 1.0) {
      const double fits = 1.0 - solvers::gamma_survival(k * shape, at);
      integral += fits / kSteps;
      if (fits < 1e-7) break;
    }
  }
  return std::max(0.0, 1.0 - mean + 2.0 * integral);
}

}  // namespace windtunnel::modeling
