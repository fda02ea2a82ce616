// SPDX-License-Identifier: Apache-2.0
// Runs the built program as a user does, through the shell, from the root of the repository.
#pragma once

#include <string>

namespace windtunnel::test {

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// `windtunnel ARGUMENTS`; shell syntax is allowed, so `a.yaml >&-` closes standard output.
Outcome run_program(const std::string& arguments);

std::string content_of(const std::string& path);

/// A path in the build tree for a file of this test process only; not created.
std::string scratch_path(const std::string& name);

}  // namespace windtunnel::test
