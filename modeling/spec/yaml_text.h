// SPDX-License-Identifier: Apache-2.0
// The bytes of a YAML file, bounded and checked before any parser sees them.
#pragma once

#include <string>

#include "modeling/spec/yaml_limits.h"

namespace windtunnel::modeling {

/// Reads at most limits.max_bytes; a larger file, a directory and an unreadable file throw SpecError.
std::string read_bounded_text(const std::string& file, const YamlLimits& limits);

/// Throws SpecError at the first byte that is NUL, another control character than tab and line end, or not UTF-8,
/// and when the text is longer than limits.max_bytes.
void check_yaml_text(const std::string& text, const std::string& file, const YamlLimits& limits);

}  // namespace windtunnel::modeling
