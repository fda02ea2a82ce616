// SPDX-License-Identifier: Apache-2.0
// Answers as a table for spreadsheets and data frames.
#pragma once

#include <string>
#include <vector>

#include "cli/solve_report.h"

namespace windtunnel::cli {

/// RFC 4180, a header and one row per point and property: the constants that vary, states, name, property, value,
/// error_bound, lower, upper, method, iterations, solve_time_s, status (`ok`, or why there is no answer).
/// verified_lower and verified_upper, derivative.INPUT and derivative_error.INPUT when they were asked for. Unknown
/// numbers are `NA`.
std::string solve_csv(const std::vector<std::string>& names, const std::vector<ExperimentPoint>& points);

}  // namespace windtunnel::cli
