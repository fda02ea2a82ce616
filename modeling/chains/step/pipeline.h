// SPDX-License-Identifier: Apache-2.0
// The pipeline schedule unrolled over micro-batches: a max-plus recursion on means and variances.
//
// Every (chunk, micro-batch, direction) starts when its rank is free and its neighbour has sent: start = max(...), end
// = start + duration. Means and variances go through the maximum by Clark's formulas (Operations Research 9(2), 1961)
// as if the two were independent normals; joins share their past, so this over-estimates the mean (association), by
// less than the standard deviation of one chunk. Exact when durations are constant. Cross-checked by event simulation
// in the tests.
#pragma once

#include <vector>

#include "modeling/chains/step/moments.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// One unit of work of a rank.
struct PipelineStep {
  bool forward = true;
  Count micro_batch = 0;
  /// Chunk on this rank, 0 .. virtual_stages - 1.
  Count virtual_stage = 0;
};

/// The order in which `rank` works. GPipe: all forwards, then all backwards. 1F1B and interleaved: Narayanan et al.,
/// arXiv:2104.04473; where the micro-batches do not divide into groups of `pipeline`, groups are larger.
std::vector<PipelineStep> pipeline_order(PipelineSchedule schedule, Count pipeline, Count virtual_stages,
                                         Count micro_batches, Count rank);

struct PipelineProblem {
  PipelineSchedule schedule = PipelineSchedule::kOneForwardOneBackward;
  Count pipeline = 1;
  Count virtual_stages = 1;
  Count micro_batches = 1;
  /// Per chunk in layer order (chunk g runs on rank g % pipeline): time of one micro-batch.
  std::vector<Moments> forward;
  std::vector<Moments> backward;
  /// The same for a micro-batch that runs beside no other: the first on its way forward (the pipeline fills), the last
  /// on its way back (it drains). Empty: as every other. Longer where exchanges hide behind another micro-batch.
  std::vector<Moments> forward_alone;
  std::vector<Moments> backward_alone;
  /// Deferrable part of `backward` (gradients of weights), for zero-bubble schedules.
  std::vector<double> deferrable_s;
  /// Hand-over between neighbours; `transfer_blocks`: sender and receiver stand still meanwhile.
  Moments transfer;
  bool transfer_blocks = false;
  /// Time the rank itself loses at each hand-over, in or out of a chunk.
  double hand_over_s = 0.0;
};

/// Time of one micro-batch of `micro_batches` in a chunk, forward or backward.
const Moments& unit_time(const PipelineProblem& problem, bool forward, Count chunk, Count micro_batch);

struct PipelineTime {
  Moments makespan;
  /// Per rank: time spent working (transfers not included) and the rest of the makespan.
  std::vector<double> busy_s;
  std::vector<double> wait_s;
  /// When each rank ends its last backward.
  std::vector<double> finish_s;
  /// Maxima taken, for the report.
  long long joins = 0;
};

/// GPipe, 1F1B, interleaved: recursion in their fixed orders. Zero bubble and DualPipe: split_backward.h.
PipelineTime pipeline_time(const PipelineProblem& problem);

/// One unit of work with its mean start and end.
struct PipelineSpan : PipelineStep {
  Count rank = 0;
  double start_s = 0.0;
  double end_s = 0.0;
};

/// The recursion unit by unit, in the order of each rank; empty for schedules that split the backward pass.
std::vector<PipelineSpan> pipeline_spans(const PipelineProblem& problem);

}  // namespace windtunnel::modeling
