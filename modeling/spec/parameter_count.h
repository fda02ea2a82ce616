// SPDX-License-Identifier: Apache-2.0
// How many weights a model has, by kind. Biases and learned positions, below 1 % in every shape shipped, are not
// counted.
#pragma once

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// Weights of the whole model, all layers together.
struct ParameterCount {
  /// Input embedding: vocab_size x hidden_size.
  double embedding = 0.0;
  /// Output projection of the same size; 0 when tied to the embedding.
  double output = 0.0;
  double attention = 0.0;
  /// Dense MLPs.
  double mlp = 0.0;
  double experts = 0.0;
  double shared_experts = 0.0;
  double router = 0.0;
  double norms = 0.0;

  double total() const { return embedding + output + attention + mlp + experts + shared_experts + router + norms; }
};

/// Counts of the model's matrices; the model must be complete (see complete_model.h).
ParameterCount parameter_count(const Model& model);

/// What a checkpoint of mixed-precision Adam holds, in bytes: 16-bit weights, 32-bit weights and two moments, 14 per
/// parameter. 0 without a shape.
double training_state_bytes(const Model& model);

/// Weights that one token passes through: all of them, but of the routed experts only num_experts_per_tok.
double active_parameters(const Model& model);

/// Weights of the attention of one layer. Latent attention: the low-rank factors of DeepSeek-V2, arXiv:2405.04434
/// section 2.1.
double attention_parameters_per_layer(const Model& model);

/// Weights of one MLP of the given width: three matrices when gated, else two.
double mlp_parameters(const Model& model, Count intermediate_size);

}  // namespace windtunnel::modeling
