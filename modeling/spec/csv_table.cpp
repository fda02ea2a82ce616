// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/csv_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// Reads one record; quoted cells may hold commas, doubled quotes and line ends.
class Records {
 public:
  explicit Records(const std::string& text) : text_(text) {}

  bool next(std::vector<std::string>& cells, int& line) {
    cells.clear();
    line = line_;
    if (at_ >= text_.size()) return false;
    std::string cell;
    bool quoted = false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\n') ++line_;
      if (quoted) {
        quoted = read_quoted(c, cell);
      } else if (c == '"') {
        quoted = true;
      } else if (c == ',') {
        cells.push_back(std::move(cell));
        cell.clear();
      } else if (c == '\n') {
        break;
      } else if (c != '\r') {
        cell += c;
      }
    }
    cells.push_back(std::move(cell));
    return true;
  }

 private:
  /// False at the closing quote.
  bool read_quoted(char c, std::string& cell) {
    if (c != '"') {
      cell += c;
      return true;
    }
    if (at_ < text_.size() && text_[at_] == '"') {
      cell += text_[at_++];
      return true;
    }
    return false;
  }

  const std::string& text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

CsvTable CsvTable::load(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw SpecError({file, 0, 0}, "cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str(), file);
}

CsvTable CsvTable::parse(const std::string& text, const std::string& file) {
  CsvTable table;
  table.file_ = file;
  Records records(text);
  std::vector<std::string> cells;
  int line = 0;
  if (!records.next(cells, line)) throw SpecError({file, 1, 1}, "empty, expected a header row");
  table.columns_ = cells;
  while (records.next(cells, line)) {
    if (cells.size() == 1 && cells.front().empty()) continue;
    if (cells.size() != table.columns_.size()) {
      throw SpecError({file, line, 1},
                      fmt::format("{} cells, expected {} as in the header", cells.size(), table.columns_.size()));
    }
    table.cells_.push_back(cells);
    table.lines_.push_back(line);
  }
  return table;
}

std::optional<std::size_t> CsvTable::find(const std::string& column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

std::size_t CsvTable::require(const std::string& column) const {
  if (const auto found = find(column)) return *found;
  throw SpecError({file_, 1, 1}, fmt::format("no column '{}', found {}", column, fmt::join(columns_, ", ")));
}

const std::string& CsvTable::text(std::size_t row, const std::string& column) const {
  return cells_[row][require(column)];
}

double CsvTable::positive(std::size_t row, const std::string& column) const {
  const std::string& cell = text(row, column);
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  const bool usable = !cell.empty() && *end == '\0' && std::isfinite(value) && value > 0.0;
  if (usable) return value;
  throw SpecError({file_, lines_[row], static_cast<int>(require(column)) + 1},
                  fmt::format("{} is '{}', expected a number > 0", column, cell));
}

}  // namespace windtunnel::modeling
