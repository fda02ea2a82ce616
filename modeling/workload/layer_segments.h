// SPDX-License-Identifier: Apache-2.0
// Which template of a training graph is which kind of the model's layers.
#pragma once

#include <vector>

#include "modeling/spec/layer_pattern.h"
#include "modeling/workload/operator_graph.h"

namespace windtunnel::modeling {

/// The template of each of kinds_of(model). Throws NoAnswerError when there are more kinds than templates.
std::vector<Segment> layer_segments(const Model& model);

/// True when the template is a layer of the model. A model without a pattern has both first layer templates.
bool has_layer(const Model& model, Segment segment);

/// The view of the layer that the template writes; for templates that are no layer the model itself.
Model template_view(const Model& model, Segment segment);

bool is_layer(Segment segment);

}  // namespace windtunnel::modeling
