// SPDX-License-Identifier: Apache-2.0
#include "modeling/workload/layer_segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace windtunnel::modeling {

namespace {

std::optional<LayerKind> kind_of(const Model& model, Segment segment) {
  const std::vector<LayerKind> kinds = kinds_of(model);
  const std::vector<Segment> segments = layer_segments(model);
  for (std::size_t kind = 0; kind < kinds.size(); ++kind)
    if (segments[kind] == segment) return kinds[kind];
  return std::nullopt;
}

}  // namespace

std::vector<Segment> layer_segments(const Model& model) {
  std::vector<Segment> segments;
  int further = static_cast<int>(Segment::kLayerA);
  for (const LayerKind& kind : kinds_of(model)) {
    const Segment first = kind.feed_forward == FeedForward::kExperts ? Segment::kExpertLayer : Segment::kDenseLayer;
    const bool taken = std::find(segments.begin(), segments.end(), first) != segments.end();
    if (taken && further == kSegments)
      throw NoAnswerError(
          fmt::format("the model has {} kinds of layers, training is modelled for patterns of at most {}",
                      kinds_of(model).size(), std::size(kLayerSegments)));
    segments.push_back(taken ? static_cast<Segment>(further++) : first);
  }
  return segments;
}

bool is_layer(Segment segment) {
  return std::find(std::begin(kLayerSegments), std::end(kLayerSegments), segment) != std::end(kLayerSegments);
}

bool has_layer(const Model& model, Segment segment) {
  if (!is_layer(segment)) return false;
  if (model.layer_kinds.empty()) return segment == Segment::kDenseLayer || segment == Segment::kExpertLayer;
  return kind_of(model, segment).has_value();
}

Model template_view(const Model& model, Segment segment) {
  if (segment == Segment::kNextToken) return prediction_view(model);
  if (!is_layer(segment)) return model;
  if (const auto kind = kind_of(model, segment)) return layer_view(model, *kind);
  LayerKind kind;
  kind.feed_forward = segment == Segment::kExpertLayer ? FeedForward::kExperts : FeedForward::kDense;
  return layer_view(model, kind);
}

}  // namespace windtunnel::modeling
