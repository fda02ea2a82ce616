// SPDX-License-Identifier: Apache-2.0
// What a spec says of a training job.
#pragma once

#include <optional>

#include "modeling/spec/cluster_spec.h"

namespace windtunnel::modeling {

enum class Recompute { kNone, kSelective, kFull, kAuto };
enum class PipelineSchedule { kGpipe, kOneForwardOneBackward, kInterleaved, kZeroBubble, kDualPipe };

/// How the ranks of a context group see each other's keys and values.
enum class ContextExchange {
  kRing,       ///< pieces travel round beside the attention over the piece before (ring attention)
  kAllGather,  ///< all of them are gathered first
  kAllToAll,   ///< heads instead of tokens are split while attention runs (Ulysses)
};

/// State kept in the host's memory instead of the device's.
struct Offload {
  /// Optimizer states, 0..1 of them; their share of the update runs on the host.
  double optimizer_share = 0.0;
  /// Activations kept for the backward pass, 0..1 of them.
  double activations_share = 0.0;
};

/// Communication that runs beside compute; empty: the software generation's habit.
struct Overlap {
  std::optional<bool> tensor;
  std::optional<bool> pipeline;
  std::optional<bool> data;
  std::optional<bool> expert;
  std::optional<bool> context;
};

/// `training.service_times`: the user's own times replace the operator graph.
struct TrainingServiceTimes {
  double forward_s = 0.0;
  double backward_s = 0.0;
  /// Of each, independent between micro-batches, stages and replicas.
  double scv = 0.0;
  double pipeline_transfer_s = 0.0;
  double data_parallel_s = 0.0;
};

struct Training {
  Count sequence_length = 0;
  /// Sequences per optimizer step, over all data-parallel ranks.
  Count global_batch = 0;
  /// 0: not given, chosen by studies/resolve_training.h.
  Count micro_batch = 1;
  Precision precision = Precision::kBf16;
  Recompute recompute = Recompute::kAuto;
  Parallelism parallelism;
  PipelineSchedule schedule = PipelineSchedule::kOneForwardOneBackward;
  bool sequence_parallel = false;
  /// False: the spec does not say; true with tensor > 1 where the software can.
  bool sequence_parallel_given = true;
  /// 0..3; 1 and 2 shard optimizer (and gradients), 3 also weights.
  int zero_stage = 1;
  Overlap overlap;
  ContextExchange context_exchange = ContextExchange::kRing;
  /// A token crosses once to each scale-up domain with one of its experts (true) or once per expert (false); empty: the
  /// software generation's habit.
  std::optional<bool> deduplicated_dispatch;
  Offload offload;
  /// Load of the fullest expert rank over the mean, >= 1; 0: not given, by the software's spread of expert loads.
  double expert_imbalance = 1.0;
  /// Budget of the run; empty: no time-to-train measures.
  std::optional<double> tokens;
  std::optional<TrainingServiceTimes> service_times;
};

}  // namespace windtunnel::modeling
