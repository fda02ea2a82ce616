// SPDX-License-Identifier: Apache-2.0
// What the process tells the shell.
#pragma once

namespace windtunnel::cli {

/// In order of badness: of several specs the worst counts.
enum class ExitCode {
  kAnswered = 0,
  /// The question is well formed but has no usable answer.
  kNoAnswer = 1,
  /// Wrong command line, wrong input, or an output that cannot be written.
  kBadInput = 2,
};

}  // namespace windtunnel::cli
