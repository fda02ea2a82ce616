// SPDX-License-Identifier: Apache-2.0
// Compiles a transformer and its training layout into the operator graph one device runs.
#pragma once

#include "modeling/spec/spec.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

/// What `recompute: selective` runs again.
enum class SelectiveRecompute {
  kNever,               ///< the software has only full recomputation: `auto` never chooses selective
  kAttention,           ///< the attention core (Korthikanti et al., arXiv:2205.05198)
  kActivations,         ///< norms and activation functions: nothing but element-wise work
  kEverySecondProduct,  ///< all but attention and every second product (per-operator checkpointing)
};

/// What the software generation decides about the kernels, not the model.
struct KernelTraits {
  /// FlashAttention-like kernel; false: scores, softmax and dropout are written to memory.
  bool fused_attention = true;
  /// False: bias, activation, dropout and residual are separate kernels, each a trip through memory.
  bool fused_elementwise = true;
  /// A token goes once to each scale-up domain that holds one of its experts.
  bool deduplicated_dispatch = false;
  /// Gathered inputs of 8-bit products travel in 8 bits.
  bool narrow_gathers = false;
  /// One 32-bit copy of the logits (true) or one per operation of the loss.
  bool fused_cross_entropy = true;
  SelectiveRecompute selective = SelectiveRecompute::kAttention;
  /// One kernel multiplies for all local experts (true) or each expert has its own (false).
  bool grouped_experts = true;
  /// Rate of gathers and scatters of fully sharded weights, relative to large collectives.
  double sharded_exchange_ratio = 1.0;
  /// Bytes of a gradient as it is exchanged between data-parallel ranks.
  double gradient_exchange_bytes = 4.0;
};

/// The graph of one device for one micro-batch of forward, recompute and backward, and one update.
///
/// Shapes are those after the split: tensor parallel divides heads and MLP columns (Megatron; Shoeybi et al.,
/// arXiv:1909.08053), sequence parallel divides the activations between (Korthikanti et al., arXiv:2205.05198),
/// context parallel divides the sequence, expert parallel spreads the experts and sends tokens to them, ZeRO 3 adds the
/// gathering of weights (Rajbhandari et al., arXiv:1910.02054). Templates the model does not have stay empty.
/// `training.recompute` and `training.parallelism.expert_tensor` must be resolved (not kAuto, >= 1).
OperatorGraph build_training_graph(const Model& model, const Training& training, const KernelTraits& traits);

}  // namespace windtunnel::modeling
