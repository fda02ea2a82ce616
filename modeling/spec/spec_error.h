// SPDX-License-Identifier: Apache-2.0
// Wrong input, told in one line: `file:line:column: what was found, what was expected`.
#pragma once

#include <stdexcept>
#include <string>

namespace windtunnel::modeling {

/// A place in a file; line and column count from 1, 0 means "the file as a whole".
struct SourceLocation {
  std::string file;
  int line = 0;
  int column = 0;
};

/// `h100.yaml:5:1`, or `h100.yaml` when there is no line.
std::string to_string(const SourceLocation& location);

/// Bad input of the user: exit code 2.
class SpecError : public std::runtime_error {
 public:
  SpecError(const SourceLocation& location, const std::string& message)
      : std::runtime_error(to_string(location) + ": " + message), message_(message) {}

  /// Without the place.
  const std::string& message() const { return message_; }

 private:
  std::string message_;
};

/// The question is well formed but has no usable answer (does not fit, unstable, not converged): exit code 1.
class NoAnswerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace windtunnel::modeling
