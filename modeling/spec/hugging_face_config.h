// SPDX-License-Identifier: Apache-2.0
// A model shape from the `config.json` of a Hugging Face repository, read from disk; nothing is downloaded.
#pragma once

#include <string>

#include "modeling/spec/spec.h"
#include "modeling/spec/yaml_reader.h"

namespace windtunnel::modeling {

/// Reads the shape by its keys, whatever the family is called: layers of full, sliding-window, chunked, linear, latent,
/// sparse and compressed attention, Mamba-2 and short convolutions; dense and expert feed-forwards in any pattern; also
/// when the language model is nested under `text_config`. Towers of other media are counted and named, multi-token
/// prediction modules kept beside the total, `quantization_config` becomes precisions. Throws SpecError, naming the
/// layer kind that is missing, when the architecture cannot be represented.
Model load_hugging_face_config(const std::string& file);
Model read_hugging_face_config(const YamlDocument& document);

}  // namespace windtunnel::modeling
