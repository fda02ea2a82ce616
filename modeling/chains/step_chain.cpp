// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/step_chain.h"

#include <cmath>

#include "solvers/order_statistics.h"
#include "solvers/phase_type_curve.h"
#include "solvers/phase_type_fit.h"

namespace windtunnel::modeling {

namespace {

using solvers::PhaseType;

/// Stalls counted in one step; the probability of more is reported.
constexpr int kStallsCounted = 4;

PhaseType fit(const Moments& moments) {
  return solvers::fit_phase_type(moments.mean_s, moments.variance_s2 / (moments.mean_s * moments.mean_s));
}

Moments moments_of(const solvers::Distribution& law) {
  const solvers::MeanVariance found = solvers::mean_and_variance(law);
  return {found.mean_s, found.variance_s2};
}

/// Largest of `count` standard normals.
Moments largest_normal(Count count) {
  return moments_of(solvers::maximum(solvers::standard_normal(), static_cast<double>(count)));
}

/// The slowest of `replicas` equal ones.
Moments slowest_replica(const Moments& replica, Count replicas) {
  if (replicas <= 1 || replica.variance_s2 <= 0.0) return replica;
  return moments_of(solvers::maximum(solvers::distribution_of(fit(replica)), static_cast<double>(replicas)));
}

/// Slowness of the slowest device relative to the mean device: mean and variance. Normal over devices.
Moments slow_device(const StepChainProblem& problem) {
  if (problem.device_cv <= 0.0) return {};
  const Moments all = largest_normal(problem.devices);
  const Moments group = largest_normal(problem.group_devices);
  const double cv = problem.device_cv * problem.device_share;
  const double steady = problem.steady_share;
  return {cv * (steady * all.mean_s + (1.0 - steady) * group.mean_s), cv * cv * steady * steady * all.variance_s2};
}

/// Nothing with probability 1 - p, else the duration.
PhaseType one_stall(double probability, const PhaseType& stall) {
  return PhaseType(0.0, probability * stall.initial(), stall.rate_per_s(), stall.exit_per_s());
}

/// P(N >= k) of a Poisson count of mean m, summed from its largest term on: no subtraction, exact for tiny m.
double at_least(int k, double m) {
  double term = 1.0;
  double sum = 1.0;
  for (int j = k + 1; term > 1e-17 * sum; ++j) sum += term *= m / j;
  return std::exp(-m + k * std::log(m) - std::lgamma(k + 1.0)) * sum;
}

/// The stalls of one step, N of them, N Poisson of mean m. After the k-th stall another follows with probability
/// P(N >= k + 1) / P(N >= k), so the sum is built from the last stall inwards.
PhaseType stalls(double mean_count, const PhaseType& stall, double& lost_probability) {
  PhaseType sum;
  for (int k = kStallsCounted; k >= 1; --k) {
    const double before = k == 1 ? 1.0 : at_least(k - 1, mean_count);
    sum = one_stall(at_least(k, mean_count) / before, solvers::convolution(stall, sum));
  }
  lost_probability = at_least(kStallsCounted + 1, mean_count);
  return sum;
}

PhaseType stall_duration(const StepChainProblem& problem) {
  // A floor cannot be entered with a probability below one, so a nearly constant stall becomes an Erlang of 50 phases.
  const double scv = std::max(problem.stall_scv, 0.02);
  return solvers::fit_phase_type(problem.stall_mean_s, scv);
}

void read_distribution(StepChain& chain) {
  chain.mean_s = chain.time.mean_s();
  chain.std_s = std::sqrt(chain.time.variance_s2());
  solvers::PhaseTypeCurve curve(chain.time);
  chain.p50_s = curve.quantile_s(0.50);
  chain.p95_s = curve.upper_quantile_s(0.05);
  chain.p99_s = curve.upper_quantile_s(0.01);
}

}  // namespace

StepChain build_step_chain(const StepChainProblem& problem) {
  StepChain chain;
  const Moments slowest = slowest_replica(problem.replica, problem.replicas);
  const Moments slowness = slow_device(problem);
  chain.replica_wait_s = slowest.mean_s - problem.replica.mean_s;
  chain.slow_device_s = slowness.mean_s * slowest.mean_s;
  const Moments smooth{slowest.mean_s + chain.slow_device_s + problem.tail_s,
                       slowest.variance_s2 + slowness.variance_s2 * slowest.mean_s * slowest.mean_s};
  chain.time = fit(smooth);
  const double mean_stalls = problem.stall_rate_per_s * smooth.mean_s;
  if (mean_stalls > 0.0 && problem.stall_mean_s > 0.0) {
    chain.time = solvers::convolution(chain.time, stalls(mean_stalls, stall_duration(problem), chain.lost_probability));
  }
  chain.stall_s = chain.time.mean_s() - smooth.mean_s;
  read_distribution(chain);
  return chain;
}

}  // namespace windtunnel::modeling
