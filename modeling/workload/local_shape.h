// SPDX-License-Identifier: Apache-2.0
// Sizes of one device's share of one micro-batch, and of its weights, after every split of the layout.
#pragma once

#include "modeling/spec/spec.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

struct LocalShape {
  /// Tokens between the tensor-parallel blocks (after the context split).
  double tokens = 0.0;
  /// Tokens where sequence parallelism splits them as well.
  double shared_tokens = 0.0;
  double sequence = 0.0;
  double micro_batch = 0.0;
  double hidden = 0.0;

  double tensor = 1.0;
  double context = 1.0;
  double heads = 0.0;
  /// Columns after the tensor split: queries, keys and values together, attention output.
  double query = 0.0;
  double key_value = 0.0;
  double attention_output = 0.0;
  /// Columns of the product into the mixer, where it is one: queries, keys and values, a gate, states' inputs.
  double projected = 0.0;
  /// Scores that are computed, of those of full causal attention.
  double attended_ratio = 1.0;
  /// Multiplications and additions of one token beside scores and values: a recurrence, an indexer.
  double mixer_flop = 0.0;
  /// Width of one head in the score product and in the value product.
  double score_width = 0.0;
  double value_width = 0.0;

  /// Columns of the dense MLP and of the shared experts after the tensor split.
  double mlp = 0.0;
  double shared_mlp = 0.0;
  /// Matrices into the MLP: 2 when gated (gate and up), else 1.
  double mlp_inputs = 1.0;
  double vocabulary = 0.0;

  /// Routed experts of this device, rows of all of them together, columns of each, and copies sent per token.
  double local_experts = 0.0;
  double expert_rows = 0.0;
  double expert_mlp = 0.0;
  double expert_hidden = 0.0;
  double experts = 0.0;
  double copies_per_token = 0.0;
  double expert_tensor = 1.0;
};

/// `training.parallelism.expert_tensor` must be resolved (>= 1).
LocalShape local_shape(const Model& model, const Training& training);

/// Weights of one instance of a template on one device.
struct TemplateParameters {
  /// Replicated over data x context ranks.
  double shared = 0.0;
  /// Routed experts, replicated over the ranks that hold the same experts.
  double expert = 0.0;
  double total() const { return shared + expert; }
};
TemplateParameters template_parameters(const Model& model, const Training& training, Segment segment);

/// Ranks that hold the same shared weights, and the same experts.
double shared_replicas(const Parallelism& parallelism);
double expert_replicas(const Parallelism& parallelism);

}  // namespace windtunnel::modeling
