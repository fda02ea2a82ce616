// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "modeling/cluster/machine.h"
#include "modeling/spec/read_spec.h"

namespace windtunnel::cli {
namespace {

ExitCode check_one(const std::string& file, const std::vector<modeling::YamlOverride>& overrides) {
  try {
    const modeling::Spec spec = modeling::load_spec(file, overrides);
    std::vector<std::string> warnings;
    modeling::load_machine(spec.cluster, spec.study, warnings);
    for (const std::string& warning : warnings) print_message(file + ": warning: " + warning);
    write_output(file + ": ok\n", "");
    return ExitCode::kAnswered;
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
    return ExitCode::kBadInput;
  }
}

}  // namespace

ExitCode answer(const CheckCommand& command) {
  ExitCode worst = ExitCode::kAnswered;
  for (const std::string& file : command.specs) worst = std::max(worst, check_one(file, command.overrides));
  return worst;
}

}  // namespace windtunnel::cli
