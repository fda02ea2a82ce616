// SPDX-License-Identifier: Apache-2.0
// The defaults inside a model shape and what its arithmetic forbids.
#pragma once

#include <functional>
#include <string_view>

#include "modeling/spec/spec.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

/// Where a key of the model stands, for messages.
using LocateKey = std::function<SourceLocation(std::string_view)>;

/// Fills num_key_value_heads (num_attention_heads), head_dim (hidden_size / num_attention_heads) and
/// moe_intermediate_size (intermediate_size) where they are 0. Throws SpecError when heads, experts or latent
/// dimensions contradict each other.
Model completed_model(Model model, const LocateKey& locate);

}  // namespace windtunnel::modeling
