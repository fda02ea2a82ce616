// SPDX-License-Identifier: Apache-2.0
// Checks an answer by its certificate, and nothing else: it knows neither how the certificate was found nor the
// arithmetic it was found with (that is double-double; this is the processor's long double with its own error bound).
// So a wrong solver cannot pass, only a wrong certificate inequality could: they are three lines each.
#pragma once
#include "solvers/chain/drift.h"
#include "solvers/chain/labelled_chain.h"
#include "solvers/long_run/long_run_average.h"

namespace windtunnel::solvers {

/// What proves an answer h of the states.
struct Certificate {
  enum class Kind {
    /// `states` are closed, `worth` is any function: the average reward lies between the least and the largest drift
    /// reward_i + sum_j q_ij (worth_j - worth_i). Odoni 1969.
    kAverage,
    /// `states` are left for good, `exit_time` > 0 has a drift sum_j q_ij (exit_time_j - exit_time_i) < 0 in each of
    /// them: worth_i is off by at most exit_time_i times the largest ratio of the two drifts. Berman, Plemmons 1979.
    kLeaving,
  };
  Kind kind = Kind::kAverage;
  StateSet states;
  /// Per second; one entry per state of the chain, as all that follow.
  Vector reward_per_s;
  PreciseVector worth;
  /// kLeaving: 0 outside.
  Vector exit_time;
};

/// Bounds on the answer in `state`, a member of certificate.states. Infinite where the certificate proves nothing.
Interval verify(const Generator& q, const Certificate& certificate, Index state);

}  // namespace windtunnel::solvers
