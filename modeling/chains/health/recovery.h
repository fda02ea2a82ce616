// SPDX-License-Identifier: Apache-2.0
// What happens between a stop of the job and the first step after it, when failures strike there too.
//
// A stop takes one of several routes; a route is a row of stages (detect, localize, restart). A stage that is struck by
// the next failure is given up, and recovery begins anew with the route of that failure. With failures at rate L a
// stage of law G ends with probability G*(L) = E[exp(-L G)] and is occupied for (1 - G*(L)) / L in the mean; both, and
// so every share of time, are kept by an exponential stage with rate L G*(L) / (1 - G*(L)): that is how the job chain
// holds constant and heavy-tailed stages exactly.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "modeling/spec/spec.h"
#include "solvers/numerics/central_moments.h"

namespace windtunnel::modeling {

enum class RecoveryStage { kDetect, kLocalize, kRestart };
inline constexpr int kRecoveryStages = 3;

/// One way back to work. Stages with mean 0 are skipped.
struct RecoveryRoute {
  std::string name;
  /// Of all stops that take this route; the shares of a job's routes sum to 1.
  double share = 1.0;
  std::array<Duration, kRecoveryStages> stages{};
  double mean_s() const;
};

/// E[exp(-s X)] of a duration: exp(-s m) for scv 0, gamma for scv up to 1, hyperexponential of two phases with balanced
/// means above, the shape of the heavy-tailed recovery times of the field (LANL, OLMo). s >= 0.
double laplace_transform(const Duration& duration, double s);
/// 1 - E[exp(-s X)], without the cancellation.
double laplace_complement(const Duration& duration, double s);
/// Mean and second to fourth central moments of the same laws.
solvers::CentralMoments moments(const Duration& duration);

/// Time from a stop until work goes on, failures at failure_per_s >= 0 striking all stages: mean of all tries together.
/// At rate 0 the plain mean over the routes. Infinite when tries never succeed.
double struck_recovery_s(const std::vector<RecoveryRoute>& routes, double failure_per_s);

/// Mean, variance and third moment of that time. The tries are a geometric sum; a given-up try contributes its own
/// moments conditional on being struck, by the derivatives of the transforms.
solvers::CentralMoments struck_recovery_moments(const std::vector<RecoveryRoute>& routes, double failure_per_s);

}  // namespace windtunnel::modeling
