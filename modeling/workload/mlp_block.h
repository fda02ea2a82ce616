// SPDX-License-Identifier: Apache-2.0
// The other half of a layer: a dense MLP, or a router, routed experts and shared experts.
#pragma once

#include "modeling/workload/template_writer.h"

namespace windtunnel::modeling {

void write_dense_mlp_forward(TemplateWriter& writer);
void write_dense_mlp_backward(TemplateWriter& writer);

/// Router, dispatch (all-to-all over the expert group), grouped products of the local experts, combine, shared experts.
/// Source: Lepikhin et al., GShard, arXiv:2006.16668; Shazeer et al., arXiv:1701.06538.
void write_expert_mlp_forward(TemplateWriter& writer);
void write_expert_mlp_backward(TemplateWriter& writer);

/// Norm and activation functions alone: what recomputation of activations runs again.
void write_mlp_elementwise(TemplateWriter& writer, bool experts);

}  // namespace windtunnel::modeling
