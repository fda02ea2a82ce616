// SPDX-License-Identifier: Apache-2.0
// Rows of text in columns as wide as their widest cell.
#pragma once

#include <string>
#include <vector>

namespace windtunnel::cli {

/// Left-aligned columns two spaces apart, one line per row, no trailing spaces. Rows may have different lengths.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace windtunnel::cli
