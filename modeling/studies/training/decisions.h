// SPDX-License-Identifier: Apache-2.0
// What a training spec leaves open, decided: how experts are split and loaded, micro-batch, recomputation.
#pragma once

#include "modeling/cluster/machine.h"
#include "modeling/spec/spec.h"
#include "modeling/workload/training_graph.h"

namespace windtunnel::modeling {

/// Mean over layers of (tokens of the fullest of `ranks` expert ranks) / (mean tokens of a rank), >= 1.
/// The tokens of one expert have coefficient of variation `expert_load_cv`, experts are independent, a rank holds
/// `experts_per_rank`; loads are log-normal and every layer waits for its own fullest rank: E[max of ranks].
/// An approximation: tokens choose several experts and their number is fixed, so loads are slightly less spread.
double expected_imbalance(double expert_load_cv, double ranks, double experts_per_rank);

/// Fills expert_tensor (software that splits experts over the tensor ranks does so while the expert ranks fit beside
/// data and context) and expert_imbalance where the spec says nothing.
void resolve_experts(Training& training, const Model& model, const SoftwareGeneration& software);

/// Where the spec says nothing: with tensor > 1 if the software can.
void resolve_sequence_parallel(Training& training, const SoftwareGeneration& software);

/// Micro-batches to try for a spec that names none, largest first: all divisors of a replica's batch without a
/// pipeline, which has nothing to gain from small ones; 1 with one.
std::vector<Count> candidate_micro_batches(const Training& training);

/// The software's habits as the operator graph needs them.
KernelTraits kernel_traits(const SoftwareGeneration& software, const Training& training);

}  // namespace windtunnel::modeling
