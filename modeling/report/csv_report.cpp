// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/csv_report.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace windtunnel::modeling {
namespace {

std::vector<std::string> union_of_columns(const std::vector<std::vector<Measure>>& rows) {
  std::vector<std::string> columns;
  std::unordered_set<std::string> seen;
  for (const auto& row : rows) {
    for (const Measure& number : row) {
      if (seen.insert(number.name).second) columns.push_back(number.name);
    }
  }
  return columns;
}

std::string csv_row(const Report& report, const std::vector<Measure>& numbers,
                    const std::vector<std::string>& columns) {
  std::unordered_map<std::string, std::optional<double>> by_name;
  for (const Measure& number : numbers) by_name.emplace(number.name, number.value);
  std::string row = csv_text(report.spec_file) + "," + csv_text(report.study);
  for (const std::string& column : columns) {
    const auto found = by_name.find(column);
    row += "," + csv_number(found == by_name.end() ? std::nullopt : found->second);
  }
  return row + "," + csv_text(report.failure.empty() ? "ok" : report.failure) + "\n";
}

}  // namespace

std::string csv_number(const std::optional<double>& value) {
  return value && !std::isnan(*value) ? fmt::format("{}", *value) : "NA";
}

std::string csv_input(std::string_view text) {
  double number = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
  return is_number ? std::string(text) : csv_text(text);
}

std::string csv_text(std::string_view text) {
  constexpr std::string_view kFormulaStarts = "=+-@\t\r\n";
  std::string cell(text);
  if (!cell.empty() && kFormulaStarts.find(cell.front()) != std::string_view::npos) cell.insert(0, 1, '\'');
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char character : cell) quoted += character == '"' ? "\"\"" : std::string(1, character);
  return quoted + "\"";
}

std::string csv_report(const std::vector<Report>& reports) {
  std::vector<std::vector<Measure>> rows;
  for (const Report& report : reports) rows.push_back(numbers_of(report));
  const std::vector<std::string> columns = union_of_columns(rows);

  std::string table = "spec,study";
  for (const std::string& column : columns) table += "," + csv_text(column);
  table += ",status\n";
  for (std::size_t i = 0; i < reports.size(); ++i) table += csv_row(reports[i], rows[i], columns);
  return table;
}

std::string csv_series(const Series& series) {
  std::string table;
  for (const std::string& column : series.columns) table += (table.empty() ? "" : ",") + csv_text(column);
  for (const auto& row : series.rows) {
    table += "\n";
    for (std::size_t i = 0; i < row.size(); ++i) table += (i == 0 ? "" : ",") + csv_number(row[i]);
  }
  return table + "\n";
}

}  // namespace windtunnel::modeling
