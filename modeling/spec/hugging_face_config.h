// SPDX-License-Identifier: Apache-2.0
// A model shape from the `config.json` of a Hugging Face repository, read from disk; nothing is downloaded.
#pragma once

#include <string>

#include "modeling/spec/spec.h"
#include "modeling/spec/yaml_reader.h"

namespace windtunnel::modeling {

/// Reads Llama, Mistral, Mixtral, Qwen2/3 (also MoE), DeepSeek-V2/V3, Kimi-K2, GPT-OSS, GPT-2 and alike, also when the
/// language model is nested under `text_config`. Sliding-window attention counts as full attention;
/// multi-token-prediction layers and quantisation are left out. Throws SpecError, naming what it is, when the
/// architecture cannot be represented (recurrent layers, experts in every second layer, shared experts of another width
/// ...).
Model load_hugging_face_config(const std::string& file);
Model read_hugging_face_config(const YamlDocument& document);

}  // namespace windtunnel::modeling
