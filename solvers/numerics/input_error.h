// SPDX-License-Identifier: Apache-2.0
// Where a text is wrong, and what was expected there.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace windtunnel::solvers {

/// A place in a text; both count from 1. Line 0: no place in particular.
struct SourceLocation {
  int line = 0;
  /// In bytes.
  int column = 0;
};

/// `FILE:LINE:COLUMN: what was found, what was expected`.
class InputError : public std::runtime_error {
 public:
  InputError(const std::string& file, SourceLocation where, const std::string& message)
      : std::runtime_error(where.line == 0 ? fmt::format("{}: {}", file, message)
                                           : fmt::format("{}:{}:{}: {}", file, where.line, where.column, message)) {}
};

}  // namespace windtunnel::solvers
