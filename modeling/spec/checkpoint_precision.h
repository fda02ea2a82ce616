// SPDX-License-Identifier: Apache-2.0
// What `quantization_config` of a config.json says of the weights' formats.
#pragma once

#include "modeling/spec/config_level.h"

namespace windtunnel::modeling {

/// Sets model.checkpoint from the block at the top or in the language model's level: fp8 (block-scaled, per tensor,
/// fbgemm), compressed-tensors, modelopt, mxfp4, AWQ, GPTQ, bitsandbytes. Modules on its ignore list stay in 16 bits:
/// attention, dense and shared MLPs, and experts are judged by the middle layers. A method that is not known leaves 16
/// bits and says so in `scheme`.
void read_checkpoint_precision(ConfigLevel top, ConfigLevel language, Model& model);

}  // namespace windtunnel::modeling
