// SPDX-License-Identifier: Apache-2.0
// Which devices form each parallel group, which links they share, and which layers each pipeline rank holds.
#pragma once

#include <array>
#include <iterator>
#include <numeric>
#include <vector>

#include "modeling/spec/spec.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

/// One parallel group as the network sees it.
struct GroupPlacement {
  Count size = 1;
  /// Members that share one scale-up domain, 1..size.
  Count local = 1;
  /// Domains the group touches: ceil(size / local).
  Count domains = 1;
  /// Distance of neighbours in the numbering of the devices.
  Count stride = 1;
  bool spans_domains() const { return domains > 1; }
};

/// The part of the model one pipeline rank runs as one piece; with virtual stages a rank has several.
struct ModelChunk {
  Count dense_layers = 0;
  Count expert_layers = 0;
  /// Of the further kinds, from Segment::kLayerA on.
  std::array<Count, std::size(kLayerSegments) - 2> further_layers{};
  bool has_embedding = false;
  bool has_head = false;
  /// Multi-token prediction modules, beside the head.
  Count prediction_modules = 0;
  Count layers() const {
    return std::accumulate(further_layers.begin(), further_layers.end(), dense_layers + expert_layers);
  }
};

/// How often a chunk runs the template.
double instances(const ModelChunk& chunk, Segment segment);

struct Placement {
  std::array<GroupPlacement, kCommGroups> groups;
  /// pipeline x virtual_stages chunks in the order of the layers; chunk g runs on rank g % pipeline.
  std::vector<ModelChunk> chunks;
  Count pipeline = 1;
  Count virtual_stages = 1;
  /// Micro-batches per replica and step.
  Count micro_batches = 1;

  const GroupPlacement& group(CommGroup which) const { return groups[static_cast<int>(which)]; }
  const ModelChunk& chunk(Count rank, Count virtual_stage) const { return chunks[virtual_stage * pipeline + rank]; }
};

/// Ranks are numbered tensor first, then context, data, pipeline (Megatron's order), and fill scale-up domains of
/// `domain_devices` in that order. A group of stride s has min(size, domain_devices / s) members in one domain.
/// Layers that do not divide evenly go to the chunks in the middle first, so that the chunks with the
/// embedding and the head are the light ones. A multi-token prediction module takes the place of three
/// layers of the last ones.
Placement place(const Model& model, const Training& training, Count domain_devices);

}  // namespace windtunnel::modeling
