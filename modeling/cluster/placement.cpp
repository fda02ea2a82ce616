// SPDX-License-Identifier: Apache-2.0
#include "modeling/cluster/placement.h"

#include <algorithm>

#include "modeling/workload/layer_segments.h"

namespace windtunnel::modeling {

namespace {

GroupPlacement place_group(Count size, Count stride, Count domain_devices) {
  const Count local = std::clamp<Count>(domain_devices / stride, 1, size);
  return {.size = size, .local = local, .domains = (size + local - 1) / local, .stride = stride};
}

/// A module that predicts a further token is a layer and an output head, about as long as two more: published layouts
/// leave one layer of four beside it (Megatron-Bridge 26.x, `Et*4|(t*4|)*14tmL` for 61 layers on 16 chunks).
constexpr Count kPlacesOfModule = 3;

/// Layers of each chunk: base layers everywhere; the remainder one each, from the middle outwards. The last places are
/// the modules'.
std::vector<Count> layers_per_chunk(Count layers, Count modules, Count chunks) {
  std::vector<Count> own(chunks);
  const Count places = layers + kPlacesOfModule * modules;
  const Count remainder = places % chunks;
  const Count first = (chunks - remainder) / 2 + (chunks - remainder) % 2;
  for (Count chunk = 0; chunk < chunks; ++chunk)
    own[chunk] = places / chunks + (chunk >= first && chunk < first + remainder ? 1 : 0);
  for (Count chunk = chunks - 1, left = kPlacesOfModule * modules; left > 0; --chunk) {
    const Count taken = std::min(left, own[chunk]);
    own[chunk] -= taken;
    left -= taken;
  }
  return own;
}

Count& count_of(ModelChunk& chunk, Segment segment) {
  if (segment == Segment::kDenseLayer) return chunk.dense_layers;
  if (segment == Segment::kExpertLayer) return chunk.expert_layers;
  return chunk.further_layers.at(static_cast<std::size_t>(segment) - static_cast<std::size_t>(Segment::kLayerA));
}

/// The layers in their order; the modules that predict further tokens are on the last chunk.
std::vector<ModelChunk> divide_layers(const Model& model, Count chunks) {
  const Count modules = model.num_nextn_predict_layers;
  const std::vector<Segment> segments = layer_segments(model);
  const std::vector<int> pattern = pattern_of(model);
  std::vector<ModelChunk> divided(chunks);
  const std::vector<Count> own = layers_per_chunk(model.num_hidden_layers, modules, chunks);
  std::size_t placed = 0;
  for (Count chunk = 0; chunk < chunks; ++chunk) {
    for (Count layer = 0; layer < own[chunk]; ++layer, ++placed)
      ++count_of(divided[chunk], segments[static_cast<std::size_t>(pattern[placed])]);
  }
  divided.front().has_embedding = true;
  divided.back().has_head = true;
  divided.back().prediction_modules = modules;
  return divided;
}

}  // namespace

double instances(const ModelChunk& chunk, Segment segment) {
  switch (segment) {
    case Segment::kEmbedding:
      return chunk.has_embedding ? 1.0 : 0.0;
    case Segment::kDenseLayer:
      return static_cast<double>(chunk.dense_layers);
    case Segment::kExpertLayer:
      return static_cast<double>(chunk.expert_layers);
    case Segment::kHead:
      return chunk.has_head ? 1.0 : 0.0;
    case Segment::kNextToken:
      return static_cast<double>(chunk.prediction_modules);
    default:
      return static_cast<double>(
          chunk.further_layers.at(static_cast<std::size_t>(segment) - static_cast<std::size_t>(Segment::kLayerA)));
  }
}

Placement place(const Model& model, const Training& training, Count domain_devices) {
  const Parallelism& p = training.parallelism;
  Placement placement;
  const auto set = [&](CommGroup group, Count size, Count stride) {
    placement.groups[static_cast<int>(group)] = place_group(size, stride, domain_devices);
  };
  set(CommGroup::kTensor, p.tensor, 1);
  set(CommGroup::kContext, p.context, p.tensor);
  // Expert ranks fold over tensor, context and data, in this order, after the ranks that share one expert.
  set(CommGroup::kExpert, p.expert, p.expert_tensor);
  set(CommGroup::kExpertData, std::max<Count>(1, p.tensor * p.context * p.data / (p.expert * p.expert_tensor)),
      p.expert * p.expert_tensor);
  // Gradients are exchanged over data and context ranks together.
  set(CommGroup::kData, p.data * p.context, p.tensor);
  set(CommGroup::kPipeline, p.pipeline, p.tensor * p.context * p.data);
  placement.chunks = divide_layers(model, p.pipeline * p.virtual_stages);
  placement.pipeline = p.pipeline;
  placement.virtual_stages = p.virtual_stages;
  placement.micro_batches = training.global_batch / (p.data * training.micro_batch);
  return placement;
}

}  // namespace windtunnel::modeling
