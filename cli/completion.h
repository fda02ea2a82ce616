// SPDX-License-Identifier: Apache-2.0
// Scripts that let a shell complete verbs, options, keys of `--set` and `--vary`, and file names.
#pragma once

#include <string>
#include <vector>

namespace windtunnel::cli {

struct VerbWords {
  std::string name;
  std::string summary;
  /// With their dashes.
  std::vector<std::string> options;
};

std::string bash_completion(const std::vector<VerbWords>& verbs);
/// The bash script through zsh's own bridge.
std::string zsh_completion(const std::vector<VerbWords>& verbs);
std::string fish_completion(const std::vector<VerbWords>& verbs);

}  // namespace windtunnel::cli
