// SPDX-License-Identifier: Apache-2.0
// Pipeline schedules that split the backward pass: gradients of inputs travel on, gradients of weights wait until a
// rank has nothing else to do. Zero bubble (one direction) and DualPipe (micro-batches from both ends at once).
//
// Every forward, input gradient and weight gradient is a task of its own. Ranks never stand still while a task is
// ready: an input gradient before a forward, a forward before a weight gradient, each kind in its fixed order; forwards
// in flight are limited as the published schedules limit them. Any such schedule is possible, so its length is at least
// the critical path and at least the work of the busiest rank; where all tasks take equally long it is the published
// one: bubbles (p - 1)(F + B - 2 W) (Qi et al., arXiv:2401.10241, ZB-H1) and, from 2 p micro-batches on, about (p / 2 -
// 1)(F&B + B - 3 W) (DeepSeek-AI, DualPipe README), with B the whole backward. Means decide the order; means and
// variances then go through maxima as in pipeline.h.
#pragma once

#include "modeling/chains/step/pipeline.h"

namespace windtunnel::modeling {

/// For kZeroBubble and kDualPipe.
PipelineTime split_backward_time(const PipelineProblem& problem);

}  // namespace windtunnel::modeling
