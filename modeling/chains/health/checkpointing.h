// SPDX-License-Identifier: Apache-2.0
// A job that works, writes checkpoints and goes back to the last one when it fails: where its time goes.
//
// Convention, stated because published formulas differ: failures are Poisson with one rate whenever the job has its
// nodes. They may strike while it works, while it writes and while it restarts; a restart that is struck starts again
// with a new duration. Work and blocking time are constants, the restart time is gamma distributed (constant for scv
// 0), so E[exp(-L R)] = (1 + L R scv)^(-1/scv).
#pragma once

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

struct CheckpointedJob {
  /// L: job stops per second while the job has its nodes, >= 0.
  double failure_per_s = 0.0;
  /// C: time the job stands still for one checkpoint, >= 0.
  double blocking_s = 0.0;
  /// R: from a stop until work goes on from the checkpoint, given nodes to run on.
  Duration restart;
};

/// Shares of the time in which the job has its nodes; they sum to 1.
struct CheckpointShares {
  /// Work that is never lost again.
  double productive_ratio = 1.0;
  double checkpoint_ratio = 0.0;
  /// Work and blocking time lost by failures.
  double rework_ratio = 0.0;
  double restart_ratio = 0.0;
};

/// The work between checkpoints that makes the productive share largest: u / L with u + ln(1 - u) = -L C, that is
/// t = (1 + W0(-exp(-1 - L C))) / L. The restart does not enter. 0 when a checkpoint costs nothing, infinite when
/// nothing fails. Source: Daly, Future Generation Computer Systems 22(3), 2006, before his series in sqrt(C L).
double optimal_checkpoint_interval_s(double failure_per_s, double blocking_s);

/// First order: sqrt(2 C M), M = 1 / L. Young, Communications of the ACM 17(9), 1974.
double young_interval_s(double failure_per_s, double blocking_s);
/// sqrt(2 C M) (1 + sqrt(C / 2M) / 3 + (C / 2M) / 9) - C for C < 2M, else M. Daly, as below.
double daly_interval_s(double failure_per_s, double blocking_s);

/// Renewal-reward for `interval_s` of work between checkpoints (0 and infinity are limits): one segment takes
/// (exp(L (t + C)) - 1) / (L E[exp(-L R)]) in the mean, of which t is productive. Source: Daly, as above.
CheckpointShares checkpoint_shares(const CheckpointedJob& job, double interval_s);

}  // namespace windtunnel::modeling
