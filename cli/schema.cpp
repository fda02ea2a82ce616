// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/output.h"
#include "modeling/spec/json_schema.h"

namespace windtunnel::cli {

ExitCode answer(const SchemaCommand&) {
  write_output(modeling::json_schema(), "");
  return ExitCode::kAnswered;
}

}  // namespace windtunnel::cli
