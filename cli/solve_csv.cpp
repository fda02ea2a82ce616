// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "modeling/report/csv_report.h"

namespace windtunnel::cli {
namespace {

using modeling::csv_number;
using modeling::csv_text;

/// What some answer has, and every row gets a column for.
struct OptionalColumns {
  bool verified = false;
  std::vector<std::string> inputs;
};

OptionalColumns optional_columns(const std::vector<ExperimentPoint>& points) {
  OptionalColumns columns;
  for (const ExperimentPoint& point : points) {
    for (const PropertyAnswer& answer : point.report.properties) {
      columns.verified = columns.verified || answer.verified.has_value();
      for (const AnswerSensitivity& s : answer.sensitivities) {
        if (std::find(columns.inputs.begin(), columns.inputs.end(), s.input) == columns.inputs.end())
          columns.inputs.push_back(s.input);
      }
    }
  }
  return columns;
}

std::string header(const std::vector<std::string>& names, const OptionalColumns& columns) {
  std::vector<std::string> cells;
  for (const std::string& name : names) cells.push_back(csv_text(name));
  for (const char* cell :
       {"states", "name", "property", "value", "error_bound", "lower", "upper", "method", "iterations", "solve_time_s"})
    cells.emplace_back(cell);
  if (columns.verified) cells.insert(cells.end(), {"verified_lower", "verified_upper"});
  for (const std::string& input : columns.inputs) {
    cells.insert(cells.end(), {csv_text("derivative." + input), csv_text("derivative_error." + input)});
  }
  cells.emplace_back("status");
  return fmt::format("{}\n", fmt::join(cells, ","));
}

std::string value_cell(const std::optional<PropertyValue>& value) {
  if (!value.has_value()) return "NA";
  if (const bool* truth = std::get_if<bool>(&*value)) return *truth ? "true" : "false";
  return csv_number(std::get<double>(*value));
}

/// Derivative and error bound.
std::vector<std::string> derivative_cells(const PropertyAnswer& answer, const std::string& input) {
  for (const AnswerSensitivity& s : answer.sensitivities) {
    if (s.input == input) return {csv_number(s.derivative), csv_number(s.error_bound)};
  }
  return {"NA", "NA"};
}

std::string row(const ExperimentPoint& point, const PropertyAnswer& answer, const OptionalColumns& columns) {
  std::vector<std::string> cells;
  for (const std::string& value : point.values) cells.push_back(modeling::csv_input(value));
  // A chain that could not be built has no states.
  cells.push_back(point.report.states > 0 ? std::to_string(point.report.states) : "NA");
  cells.insert(cells.end(), {csv_text(answer.name), csv_text(answer.property), value_cell(answer.value),
                             csv_number(answer.error_bound), csv_number(answer.lower), csv_number(answer.upper),
                             csv_text(answer.method), std::to_string(answer.iterations),
                             fmt::format("{:.3g}", answer.solve_time_s)});
  if (columns.verified) {
    cells.push_back(answer.verified ? csv_number(answer.verified->lower) : "NA");
    cells.push_back(answer.verified ? csv_number(answer.verified->upper) : "NA");
  }
  for (const std::string& input : columns.inputs) {
    for (std::string& cell : derivative_cells(answer, input)) cells.push_back(std::move(cell));
  }
  cells.push_back(csv_text(answer.message.empty() ? "ok" : answer.message));
  return fmt::format("{}\n", fmt::join(cells, ","));
}

}  // namespace

std::string solve_csv(const std::vector<std::string>& names, const std::vector<ExperimentPoint>& points) {
  const OptionalColumns columns = optional_columns(points);
  std::string table = header(names, columns);
  for (const ExperimentPoint& point : points) {
    for (const PropertyAnswer& answer : point.report.properties) table += row(point, answer, columns);
  }
  return table;
}

}  // namespace windtunnel::cli
