// SPDX-License-Identifier: Apache-2.0
// What the serving engines call things, and what a spec calls them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace windtunnel::modeling {

/// A flag as it is compared: lower case, without leading dashes, `_` for `-`.
std::string flag_name(std::string_view flag);

/// The key of a spec that says what an engine's flag says (vLLM, SGLang, TensorRT-LLM), as a dotted path, degrees from
/// their block on: "max_num_seqs" -> "serving.max_batch". Empty: not a flag of theirs that a spec knows.
std::optional<std::string> key_of_engine_flag(std::string_view flag);

}  // namespace windtunnel::modeling
