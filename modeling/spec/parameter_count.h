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
  /// What mixes the tokens: attention, linear attention, state-space layers, convolutions.
  double attention = 0.0;
  /// Dense MLPs.
  double mlp = 0.0;
  double experts = 0.0;
  double shared_experts = 0.0;
  /// With the projections of experts that work on fewer columns.
  double router = 0.0;
  double norms = 0.0;
  /// Further tables of which a token reads a row.
  double lookup = 0.0;
  /// Encoders of other media.
  double tower = 0.0;
  /// Modules that predict further tokens: beside the total, as publishers count.
  double prediction = 0.0;

  double total() const {
    return embedding + output + attention + mlp + experts + shared_experts + router + norms + lookup + tower;
  }
};

/// Counts of the model's matrices; the model must be complete (see complete_model.h).
ParameterCount parameter_count(const Model& model);

/// What a checkpoint of mixed-precision Adam holds, in bytes: 16-bit weights, 32-bit weights and two moments, 14 per
/// parameter. 0 without a shape.
double training_state_bytes(const Model& model);

/// Weights that one token passes through. Dense models: all of them. With experts: num_experts_per_tok of the routed
/// ones, and not the input embedding, of which a token reads one row, unless it is the output projection too; so
/// DeepSeek-V3 has the 37 billion and Kimi-K2 the 32 billion that their publishers state.
double active_parameters(const Model& model);

/// Weights that mix the tokens of one layer (a model, or the view of one layer). Latent attention: the low-rank factors
/// of DeepSeek-V2, arXiv:2405.04434 section 2.1.
double attention_parameters_per_layer(const Model& model);

/// Weights of one MLP of the given width: three matrices when gated, else two.
double mlp_parameters(const Model& model, Count intermediate_size);

/// Of them the indexer's, which picks what each token attends to.
double indexer_parameters(const Model& model);

/// Columns that the routed experts work on: moe_latent_size where the model has it, else hidden_size.
Count expert_columns(const Model& model);
/// Weights of one routed expert.
double expert_parameters(const Model& model);
/// Router of one layer, with the projections to and from the experts' columns.
double router_parameters(const Model& model);

}  // namespace windtunnel::modeling
