// SPDX-License-Identifier: Apache-2.0
// Dotted paths of a spec, as `--set` and `--vary` take them, against the schema.
#pragma once

#include <string>
#include <vector>

namespace windtunnel::modeling {

/// Throws SpecError `OPTION PATH:1:1: unknown key 'x', did you mean 'y'?` when the schema has no such key. Parts below
/// a list are its positions.
void require_known_path(const std::string& path, const std::string& option);

/// Every path that leads to a value, lists as their first entry, in the order of the schema: for completion.
std::vector<std::string> known_paths();

}  // namespace windtunnel::modeling
