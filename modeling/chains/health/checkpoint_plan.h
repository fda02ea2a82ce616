// SPDX-License-Identifier: Apache-2.0
// Checkpoints of one or two levels, blocking or asynchronous, under any law of the time between failures: how the time
// between two stops divides into work that counts, checkpoints and work that is lost. Recovery is not part of it
// (chains/recovery.h); chains/checkpointing.h has the textbook form of the simplest case.
#pragma once

#include <optional>

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// Copies in the memory of other nodes, more often than to storage (GEMINI, SOSP 2023).
struct MemoryCheckpoints {
  /// Work between them, > 0.
  double interval_s = 0.0;
  double blocking_s = 0.0;
  /// Share of the stops that are restored from them, 0..1; the others need storage.
  double recovered_ratio = 0.0;
};

struct CheckpointPlan {
  /// Work between two checkpoints in storage, > 0; infinite: none.
  double interval_s = 0.0;
  /// Time the job stands still for one.
  double blocking_s = 0.0;
  /// Asynchronous: how long after that until storage has it and it can be restored.
  double write_s = 0.0;
  std::optional<MemoryCheckpoints> memory;
  /// Share of the stops that are foreseen in time for a checkpoint: they cost its blocking time and no work.
  double foreseen_ratio = 0.0;
};

/// The job stops at `failure_per_s` in the mean; the times between are independent with this scv, 1 being exponential.
struct StopLaw {
  double failure_per_s = 0.0;
  double scv = 1.0;
};

/// Shares of the time outside recovery; they sum to 1.
struct UpShares {
  /// Work that is never lost.
  double productive_ratio = 1.0;
  double checkpoint_ratio = 0.0;
  double lost_ratio = 0.0;
};

/// Exponential stops, one level, s = t + C, W until usable: exp(-L W) L s / (exp(L s) - 1) of the time is kept.
/// Two levels: the same by first passage over the k memory intervals since storage, whole intervals. Asynchronous
/// writes then delay only what needs storage. Other laws, one level: renewal reward, kept work per stop is
/// t sum_{i>=1} P(X > i s + W); after a stop the law starts anew. Throws NoAnswerError for two levels under such a law.
/// Foreseen stops (one level, exponential): the rest strikes at L (1 - r), so that the optimum is near
/// sqrt(2 C / (L (1 - r))) (Aupy, Robert, Vivien, Zaidouni, Journal of Parallel and Distributed Computing 74, 2014);
/// each foreseen one takes C of the time up.
UpShares up_shares(const StopLaw& law, const CheckpointPlan& plan);

/// The interval with the largest productive share, everything else as in `plan`: Lambert W for exponential stops and
/// one level (chains/checkpointing.h), otherwise by golden section on its logarithm (two levels: whole numbers of
/// memory intervals). 0 when a checkpoint costs nothing, infinite when nothing fails.
double optimal_interval_s(const StopLaw& law, const CheckpointPlan& plan);

/// Intervals on both sides of `best_s` whose productive share is `loss_ratio` (0.01: one percent) below the best.
struct IntervalRange {
  double low_s = 0.0;
  double high_s = 0.0;
};
IntervalRange nearly_optimal_intervals(const StopLaw& law, const CheckpointPlan& plan, double best_s,
                                       double loss_ratio);

/// Lower bound of the probability that `lost` of `nodes` nodes that fail together leave a copy of everything, with
/// `copies` copies placed in groups of that many nodes: 1 - n C(n-m, k-m) / (m C(n, k)); 1 for fewer lost than copies.
/// Wang et al., GEMINI, SOSP 2023.
double memory_survival(Count nodes, Count copies, Count lost);

}  // namespace windtunnel::modeling
