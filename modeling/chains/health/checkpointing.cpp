// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/health/checkpointing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace windtunnel::modeling {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// u + ln(1 - u). The sum cancels to -u^2/2 for small u, so there the series, whose next term is u^7/7.
double excess(double u) {
  if (u > 1e-2) return u + std::log1p(-u);
  return -u * u * (1.0 / 2 + u * (1.0 / 3 + u * (1.0 / 4 + u * (1.0 / 5 + u / 6))));
}

/// The u in (0, 1) with u + ln(1 - u) = -cost, cost > 0, by Newton. The left side is concave and falls, and both starts
/// lie right of the root, so the steps only ever go left: from 2 cost = u^2 (the first term of the series bounds the
/// sum) or from 1 - u = exp(-cost - u) > exp(-cost - 1).
double optimal_work_per_failure(double cost) {
  double u = std::min(std::sqrt(2.0 * cost), -std::expm1(-1.0 - cost));
  for (int step = 0; step < 100; ++step) {
    const double next = u + (excess(u) + cost) * (1.0 - u) / u;
    if (!(next < u * (1.0 - 1e-15))) break;  // 1e-15: a few roundings
    u = next;
  }
  return u;
}

/// ln E[exp(-L R)] of a gamma distributed restart.
double log_survival_of_restart(const CheckpointedJob& job) {
  const double load = job.failure_per_s * job.restart.mean_s;
  return job.restart.scv > 0.0 ? -std::log1p(load * job.restart.scv) / job.restart.scv : -load;
}

CheckpointShares without_failures(double blocking_s, double interval_s) {
  if (std::isinf(interval_s) || blocking_s == 0.0) return {};
  const double productive = interval_s / (interval_s + blocking_s);
  return {.productive_ratio = productive, .checkpoint_ratio = 1.0 - productive};
}

}  // namespace

double optimal_checkpoint_interval_s(double failure_per_s, double blocking_s) {
  if (failure_per_s == 0.0) return kNever;
  return blocking_s == 0.0 ? 0.0 : optimal_work_per_failure(failure_per_s * blocking_s) / failure_per_s;
}

double young_interval_s(double failure_per_s, double blocking_s) {
  return failure_per_s > 0.0 ? std::sqrt(2.0 * blocking_s / failure_per_s) : kNever;
}

double daly_interval_s(double failure_per_s, double blocking_s) {
  const double half_cost = 0.5 * blocking_s * failure_per_s;
  if (failure_per_s == 0.0) return kNever;
  if (half_cost >= 1.0) return 1.0 / failure_per_s;
  return young_interval_s(failure_per_s, blocking_s) * (1.0 + std::sqrt(half_cost) / 3.0 + half_cost / 9.0) -
         blocking_s;
}

CheckpointShares checkpoint_shares(const CheckpointedJob& job, double interval_s) {
  const double rate = job.failure_per_s;
  if (rate == 0.0) return without_failures(job.blocking_s, interval_s);
  const double segment_s = interval_s + job.blocking_s;
  const double restarted = std::exp(log_survival_of_restart(job));
  if (segment_s == 0.0) return {.productive_ratio = restarted, .restart_ratio = 1.0 - restarted};
  // Of the time outside restarts, the part of segments that reach their end: L s / (exp(L s) - 1), 0 beyond exp's
  // range.
  const double kept = std::isinf(segment_s) ? 0.0 : rate * segment_s / std::expm1(rate * segment_s);
  const double work_ratio = std::isinf(segment_s) ? 1.0 : interval_s / segment_s;
  return {.productive_ratio = restarted * kept * work_ratio,
          .checkpoint_ratio = restarted * kept * (1.0 - work_ratio),
          .rework_ratio = restarted * (1.0 - kept),
          .restart_ratio = 1.0 - restarted};
}

}  // namespace windtunnel::modeling
