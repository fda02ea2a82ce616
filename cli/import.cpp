// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/engine_command.h"
#include "cli/message.h"
#include "cli/output.h"

namespace windtunnel::cli {

ExitCode answer(const ImportCommand& command) {
  try {
    write_output(spec_of_engine_command(command.words, command.device), command.output);
  } catch (const EngineCommandError& error) {
    print_message(std::string("windtunnel import: ") + error.what());
    return ExitCode::kBadInput;
  }
  return ExitCode::kAnswered;
}

}  // namespace windtunnel::cli
