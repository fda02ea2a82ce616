// SPDX-License-Identifier: Apache-2.0
// A model as a pattern of layers: which kinds there are, how many of each, and what one layer of a kind looks like.
#pragma once

#include <vector>

#include "modeling/spec/complete_model.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

/// Fills layer_kinds and layer_pattern from the keys; leaves them empty where all layers have full attention and the
/// dense ones come first. Throws SpecError naming the layer kind that is not known, or lists of the wrong length.
void complete_layer_pattern(Model& model, const LocateKey& locate);

/// A model all of whose layers are of the kind: its numbers are the kind's, `layer` is the kind, no pattern.
Model layer_view(const Model& model, const LayerKind& kind);

struct CountedLayer {
  Model view;
  Count count = 0;
};
/// One view for each kind that the model has, in the order of their first layers.
std::vector<CountedLayer> layer_views(const Model& model);
/// The kinds in that order, and of which of them each layer is.
std::vector<LayerKind> kinds_of(const Model& model);
std::vector<int> pattern_of(const Model& model);

/// The layer of a module that predicts a further token: attention as in the model's layers and its experts, or its
/// dense MLP where it has none.
Model prediction_view(const Model& model);

/// Sum over the tokens 1 .. `tokens` of a sequence of how many cached entries each attends to, in the continuum
/// (tokens^2 / 2 for full attention).
double attended_sum(const LayerKind& layer, double tokens);
/// How many entries one token attends to at this position.
double attended_at(const LayerKind& layer, double position);
/// Entries that a sequence of so many tokens keeps in the cache.
double cached_entries(const LayerKind& layer, double tokens);

/// Bytes that a sequence keeps in a layer whose state does not grow: the recurrent state in 32 bits, as the files of
/// Nemotron-H and Qwen3.5 ask, and the convolution's in 16; 0 for attention.
double state_bytes(const Model& view);
/// Multiplications and additions of that layer's recurrence for one token: decay, update and read-out of the state, two
/// for each of its values each.
double recurrence_flop(const Model& view);

}  // namespace windtunnel::modeling
