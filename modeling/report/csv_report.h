// SPDX-License-Identifier: Apache-2.0
// Reports as one CSV table, for spreadsheets and data frames (RFC 4180, UTF-8, `\n`).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// A text cell: quoted when it holds a comma, quote or line break; one that a spreadsheet would take for a formula
/// (it begins with = + - @ or a control character) gets a leading apostrophe.
std::string csv_text(std::string_view text);

/// The shortest decimal that reads back as the same double, with a point in every locale; `NA` for unknown (NaN),
/// `inf`.
std::string csv_number(const std::optional<double>& value);

/// An input as it was typed: a number stays one, whatever its sign; anything else is a text.
std::string csv_input(std::string_view text);

/// A header row and one row per report. Columns: spec, study, the measures in order, the breakdowns as `group.entry`,
/// the sensitivities as `elasticity.MEASURE.PATH`, status (`ok` or why there is no answer). Reports of different
/// studies share the table: the union of their columns in order of first appearance. Unknown or absent numbers are
/// `NA`, infinities `inf`; numbers round-trip.
std::string csv_report(const std::vector<Report>& reports);

/// A header row and one row per moment.
std::string csv_series(const Series& series);

}  // namespace windtunnel::modeling
