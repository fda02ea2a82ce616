// SPDX-License-Identifier: Apache-2.0
// The command that starts a serving engine, read as a spec.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace windtunnel::cli {

/// The command is not one of vLLM, SGLang or TensorRT-LLM, or a flag's value cannot be read.
class EngineCommandError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A command line in the words of a shell: quotes and backslashes are resolved, nothing is expanded.
std::vector<std::string> shell_words(const std::string& text);

/// A spec for `vllm serve MODEL ...`, `python -m vllm.entrypoints.openai.api_server ...`, `python -m
/// sglang.launch_server
/// ...`, `trtllm-serve MODEL ...`, also behind `docker run ... IMAGE`. Each flag stands in a comment at the key it
/// became, or in the list of what was not translated. The device and the traffic are placeholders that say so.
std::string spec_of_engine_command(const std::vector<std::string>& words, const std::string& device);

}  // namespace windtunnel::cli
