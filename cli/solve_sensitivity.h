// SPDX-License-Identifier: Apache-2.0
// What `windtunnel solve --sensitivity` says about an answer: by how much it changes with each constant of the model,
// or with the rates of its transitions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "solvers/csl/property.h"
#include "solvers/prism/model_file.h"

namespace windtunnel::cli {

struct AnswerSensitivity {
  /// A constant, or a transition as `3 -> 4`.
  std::string input;
  double input_value = 0.0;
  /// Empty: there is none; the message says why.
  std::optional<double> derivative;
  /// The true derivative is at most so far away (derivative_bounds.h). Empty: unknown.
  std::optional<double> error_bound;
  /// d ln answer / d ln input; empty where the answer or the derivative is.
  std::optional<double> elasticity;
  std::string message = {};
};

/// Asked by query; throws solvers::ChainError for questions without derivatives.
using SensitivityQuestion = std::function<std::vector<AnswerSensitivity>(const solvers::Query&)>;

/// For a model in the PRISM language its real-valued constants, each by one pass over the states; for explicit chains
/// the ten transitions of the largest elasticity. The model must outlive the result. Throws FileError.
SensitivityQuestion sensitivities_of(const SolveCommand& command, const solvers::prism::BuiltModel& model);

}  // namespace windtunnel::cli
