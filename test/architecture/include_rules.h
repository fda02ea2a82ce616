// SPDX-License-Identifier: Apache-2.0
// The rules of the house as code: who may include whom, which library has which door, which names are not given.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace windtunnel::architecture {

/// One sentence per breach, `path:line: what, expected what`, for every source below root/{cli,modeling,solvers}.
/// `.cpp` and `.h` of test/ and bench/ are held to the SPDX line and the names only. Sorted by path and line.
std::vector<std::string> breaches(const std::filesystem::path& root);

}  // namespace windtunnel::architecture
