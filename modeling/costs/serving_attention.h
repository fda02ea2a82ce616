// SPDX-License-Identifier: Apache-2.0
// Time of the attention core while serving, all layers of the model together.
//
//   decode    t = layers (floor + ramp x / (x + ramp) + max(x / e, flop / (peak c))),  x = bytes read / bandwidth
//   prefill   t = layers (floor + flop_attended (A + P s_half / 2) / (peak w r g))
//
// A: attended tokens, P: prompt tokens; a kernel on a prompt of s tokens reaches s / (s + s_half) of r, and s = 2 A /
// P. Of windows, chunks, selections and compressed caches the cores do what spec/layer_pattern.h says: a decoding
// sequence counts with the mean context of the batch, a prompt's tokens as if spread evenly about their mean position.
// An indexer looks at every entry. Layers with a state read and write it once for each sequence. floor, ramp, e, c:
// ServingKernels of the device; r, s_half: its AttentionEfficiency; w, g as in operator_cost.h.
#pragma once

#include "modeling/cluster/machine.h"
#include "modeling/workload/serving_layer.h"

namespace windtunnel::modeling {

/// One layer kind, `layers` of it.
class AttentionClock {
 public:
  AttentionClock(const AttentionShape& shape, double layers, const Machine& machine);

  /// One token for each of `sequences` that together attend to `context_tokens` cached ones; zero sequences, zero time.
  double decode_s(double sequences, double context_tokens) const;
  /// `tokens` tokens of `prompts` prompts that would attend to `attended_tokens` in sum if they attended to all.
  double prefill_s(double tokens, double attended_tokens, double prompts = 1.0) const;

 private:
  double attended(double tokens, double all_attended, double prompts) const;

  LayerKind layer_;
  double index_read_s_ = 0.0;
  double index_compute_s_ = 0.0;
  double index_prefill_s_ = 0.0;
  double state_s_ = 0.0;
  double layers_ = 0.0;
  double decode_floor_s_ = 0.0;
  double decode_ramp_s_ = 0.0;
  double decode_read_s_ = 0.0;
  double decode_memory_ratio_ = 1.0;
  double decode_compute_s_ = 0.0;
  double prefill_floor_s_ = 0.0;
  double prefill_attended_s_ = 0.0;
  double prefill_token_s_ = 0.0;
};

/// The cores of all layers of a model.
class AttentionClocks {
 public:
  AttentionClocks(const Model& model, const Serving& serving, const ServingPool& pool, const Machine& machine);
  double decode_s(double sequences, double context_tokens) const;
  double prefill_s(double tokens, double attended_tokens, double prompts) const;

 private:
  std::vector<AttentionClock> clocks_;
};

}  // namespace windtunnel::modeling
