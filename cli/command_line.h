// SPDX-License-Identifier: Apache-2.0
// From argv to a command, or to the text that answers at once (help, version, what is wrong).
#pragma once

#include <string>
#include <variant>

#include "cli/commands.h"

namespace windtunnel::cli {

/// The command line was answered without a verb: help and version on standard output, mistakes on standard error.
struct ImmediateAnswer {
  std::string text;
  ExitCode exit_code = ExitCode::kAnswered;
};

using Command = std::variant<ImmediateAnswer, RunCommand, SweepCommand, SearchCommand, ExplainCommand, CalibrateCommand,
                             CheckCommand, ProfilesCommand, ModelsCommand, ImportCommand, SchemaCommand, SolveCommand>;

/// Never throws for what a user typed: a mistake is an ImmediateAnswer with kBadInput and one line of text.
Command parse_command_line(int argc, const char* const* argv);

/// Carries the command out. Throws OutputError when the result cannot be written.
ExitCode execute(const Command& command);

}  // namespace windtunnel::cli
