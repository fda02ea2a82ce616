// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/spec_error.h"

#include <fmt/format.h>

namespace windtunnel::modeling {

std::string to_string(const SourceLocation& location) {
  return location.line == 0 ? location.file : fmt::format("{}:{}:{}", location.file, location.line, location.column);
}

}  // namespace windtunnel::modeling
