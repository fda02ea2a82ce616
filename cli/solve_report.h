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
  /// Groups of modules that the states count instead of telling apart.
  std::vector<std::string> symmetric_modules;
  double build_time_s = 0.0;
  std::vector<PropertyAnswer> properties;
};

/// What is answered at one point of an experiment.
struct ExperimentPoint {
  /// Of the constants that vary.
  std::vector<std::string> values;
  SolveReport report;
};

/// One row per point and property: what varies, then as in solve_table. Certificates, derivatives and why there is no
/// answer stand behind it.
std::string experiment_table(const std::vector<std::string>& names, const std::vector<ExperimentPoint>& points);
/// `{"experiments": [{"constants": {NAME: NUMBER}, "states": ..., "properties": [...]}]}` on one line.
std::string experiment_json(const std::vector<std::string>& names, const std::vector<ExperimentPoint>& points);

/// Counts, then one row per property.
std::string solve_table(const SolveReport& report);

/// One object on one line. Infinity is "inf", unknown values are null.
std::string solve_json(const SolveReport& report);

}  // namespace windtunnel::cli
