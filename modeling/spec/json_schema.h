// SPDX-License-Identifier: Apache-2.0
// What a spec may hold, for editors: completion, hover text and early warnings.
#pragma once

#include <string>

namespace windtunnel::modeling {

/// JSON Schema (draft-07) of a spec file, indented, with a description of every key. A test holds its keys and its
/// lists of allowed values together with what the readers accept.
std::string json_schema();

}  // namespace windtunnel::modeling
