// SPDX-License-Identifier: Apache-2.0
// The pipeline schedule as a precedence graph: the same waiting as in pipeline.h, written down for methods that want
// the whole graph (covariances of ends, event simulation).
#pragma once

#include "modeling/chains/step/pipeline.h"
#include "solvers/precedence/precedence_graph.h"

namespace windtunnel::modeling {

/// One node per (replica, direction, chunk, micro-batch), each an independent phase-type duration of the problem's mean
/// and variance, and one per hand-over where it takes time; ranks work in their schedule's order. Not for schedules
/// that split the backward pass, and not for hand-overs that block: throws std::invalid_argument.
solvers::PrecedenceGraph pipeline_graph(const PipelineProblem& problem, Count replicas = 1);

/// Nodes that the graph would have.
Count pipeline_graph_nodes(const PipelineProblem& problem, Count replicas = 1);

}  // namespace windtunnel::modeling
