// SPDX-License-Identifier: Apache-2.0
// Answers to properties, as `windtunnel solve` prints them.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/exit_code.h"
#include "cli/solve_sensitivity.h"
#include "solvers/csl/property_parser.h"
#include "solvers/long_run/long_run_average.h"
#include "solvers/numerics/solve_result.h"
#include "solvers/prism/model_file.h"

namespace windtunnel::cli {

/// A number (infinity is one), or the truth of a statement.
using PropertyValue = std::variant<double, bool>;

struct PropertyAnswer {
  std::string name;
  std::string property;
  /// Empty: unknown; the message says why.
  std::optional<PropertyValue> value;
  /// Proven, when known.
  std::optional<double> error_bound;
  /// Proven bracket of the value, when known.
  std::optional<double> lower;
  std::optional<double> upper;
  std::string method;
  /// States of the lumped chain that was asked; empty: the chain itself.
  std::optional<long long> lumped_states;
  long long iterations = 0;
  double solve_time_s = 0.0;
  std::string message;
  /// What the certificate alone proves; empty when not asked for, or when there is none.
  std::optional<solvers::Interval> verified;
  /// As asked for.
  std::vector<AnswerSensitivity> sensitivities;
  ExitCode exit_code = ExitCode::kAnswered;
};

struct AnswerOptions {
  solvers::Method method = solvers::Method::kAutomatic;
  /// 0: the default of the library.
  double tolerance = 0.0;
  bool verify = false;
  bool lump = false;
  int threads = 1;
  /// Empty: not asked for.
  SensitivityQuestion sensitivities;
};

/// Answers all properties of the file, in order. Throws solvers::InputError for a mistake in a constant of the file; a
/// mistake in a property is the answer to that property.
std::vector<PropertyAnswer> answers(const solvers::PropertyFile& file, solvers::prism::BuiltModel& model,
                                    const AnswerOptions& options);

}  // namespace windtunnel::cli
