// SPDX-License-Identifier: Apache-2.0
// What was read of a model, as numbers.
#pragma once

#include <string>
#include <vector>

#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

struct ModelFacts {
  /// With towers and lookup tables, without modules that predict further tokens.
  double parameters = 0.0;
  double active_parameters = 0.0;
  double prediction_parameters = 0.0;
  double tower_parameters = 0.0;
  /// Bytes of all weights as they are stored, prediction modules included: a checkpoint's size.
  double weights_bytes = 0.0;
  /// What one more token of a long sequence adds over all layers; where no layer grows, a token within the windows.
  double kv_bytes_per_token = 0.0;
  /// What a long sequence holds beside: full windows, states.
  double kv_bytes_per_sequence = 0.0;
  /// "36 x linear attention, experts; 12 x full attention, experts".
  std::string layers;
  /// "experts mxfp4, attention bf16, other weights bf16 (quantization_config: mxfp4)".
  std::string precision;
};

/// `serving` gives the precisions; a study of training has 16-bit weights.
ModelFacts model_facts(const Model& model, const Serving& serving);

/// The precisions that a serving spec without a word about them has: the checkpoint's, else 16 bits.
Serving stored_precisions(const Model& model);

}  // namespace windtunnel::modeling
