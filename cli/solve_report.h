// SPDX-License-Identifier: Apache-2.0
// What `windtunnel solve` prints.
#pragma once

#include <string>
#include <vector>

#include "cli/solve_answers.h"

namespace windtunnel::cli {

struct SolveReport {
  long long states = 0;
  long long transitions = 0;
  double build_time_s = 0.0;
  std::vector<PropertyAnswer> properties;
};

/// Counts, then one row per property.
std::string solve_table(const SolveReport& report);

/// One object on one line. Infinity is "inf", unknown values are null.
std::string solve_json(const SolveReport& report);

}  // namespace windtunnel::cli
