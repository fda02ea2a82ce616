// SPDX-License-Identifier: Apache-2.0
// FLOP a training step must do whatever the layout: the numerator of MFU.
#pragma once

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// 6 FLOP per weight and token, plus 12 layers x sequence x attention width per token (the full score matrix,
/// in windows and the like their share, as most published MFU figures count it). Recomputed work is not counted; of
/// experts only the active ones are. Source: Chowdhery et al., PaLM, arXiv:2204.02311, appendix B.
double model_flop_per_step(const Model& model, const Training& training);

/// Forward FLOP of one token in a sequence of this length beside its weights, all layers: scores and values as if the
/// matrix were full (a window: its share of it), recurrences of layers with a state, indexers.
double mixing_flop_per_token(const Model& model, double sequence);

/// Weights that take part in products with every token: layers (active experts only) and the output head.
double active_weights(const Model& model);

}  // namespace windtunnel::modeling
