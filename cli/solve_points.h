// SPDX-License-Identifier: Apache-2.0
// Answers to properties at the points of an experiment.
#pragma once

#include <vector>

#include "cli/commands.h"
#include "cli/solve_experiment.h"
#include "cli/solve_report.h"
#include "solvers/csl/property_parser.h"
#include "solvers/prism/model_file.h"

namespace windtunnel::cli {

/// The answers of one chain.
SolveReport answered(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files,
                     solvers::prism::BuiltModel& model, double build_time_s);

/// Warns of constants that neither the model nor a property has asked for, and of modules that were to be counted and
/// are not.
void warn_about_unused(const SolveCommand& command, const solvers::prism::BuiltModel& model);

/// One report per point, in order. Where a chain cannot be built, every property is unknown there and its message says
/// why; the other points are answered. Points are shared among
/// command.jobs threads; each builds a chain again only where a constant changes that the model depends on.
/// Throws solvers::InputError for a model that cannot be read whatever its constants, and FileError.
std::vector<ExperimentPoint> answer_points(const SolveCommand& command, const std::vector<solvers::PropertyFile>& files,
                                           const Experiment& experiment);

}  // namespace windtunnel::cli
