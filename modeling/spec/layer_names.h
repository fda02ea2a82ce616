// SPDX-License-Identifier: Apache-2.0
// Which layer is of which kind, from the many ways in which config.json files say so.
#pragma once

#include "modeling/spec/config_level.h"

namespace windtunnel::modeling {

/// Sets layer_types (and windows); needs the number of layers. `family` is the model_type without suffix.
void read_layer_types(ConfigLevel& config, const std::string& family, Model& model);
/// Sets mlp_layer_types or first_k_dense_layers; needs the experts.
void read_expert_layers(ConfigLevel& config, Model& model);

}  // namespace windtunnel::modeling
