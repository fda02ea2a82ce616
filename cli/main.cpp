// SPDX-License-Identifier: Apache-2.0
#include <exception>

#include "cli/command_line.h"
#include "cli/message.h"

int main(int argc, char** argv) {
  using namespace windtunnel::cli;
  try {
    return static_cast<int>(execute(parse_command_line(argc, argv)));
  } catch (const std::exception& error) {
    // Everything a user can cause is caught where it is understood; what arrives here still ends in one line.
    print_message(error.what());
    return static_cast<int>(ExitCode::kBadInput);
  }
}
