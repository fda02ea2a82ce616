// SPDX-License-Identifier: Apache-2.0
// Where the shipped data lie: hardware profiles and model shapes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace windtunnel::modeling {

/// Folders that may hold `hardware_profiles/` or `model_shapes/`, in the order of search: the environment variable
/// WINDTUNNEL_DATA, share/windtunnel beside the executable's folder, the source tree, the install prefix.
std::vector<std::filesystem::path> data_folders();

/// The file `folder/NAME.yaml` of the first data folder that has it; the letter case of the name does not matter.
std::optional<std::filesystem::path> find_data_file(const std::string& folder, const std::string& name);

/// Names (without `.yaml`) that find_data_file would find, sorted.
std::vector<std::string> data_names(const std::string& folder);

}  // namespace windtunnel::modeling
