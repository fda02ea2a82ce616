// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/csv_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

struct Record {
  std::vector<std::string> cells;
  /// First character of each cell, from 1.
  std::vector<int> begins;
  int line = 1;
};

/// Reads one record after the other; quoted cells may hold separators, doubled quotes and line ends.
class Records {
 public:
  Records(const std::string& text, char separator) : text_(text), separator_(separator) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = line_begin_ = 3;
  }

  bool next(Record& record) {
    record = {.line = line_};
    if (at_ >= text_.size()) return false;
    begin_cell(record);
    bool quoted = false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\n') {
        ++line_;
        line_begin_ = at_;
      }
      if (quoted) {
        quoted = read_quoted(c, record.cells.back());
      } else if (c == '"') {
        quoted = true;
      } else if (c == separator_) {
        begin_cell(record);
      } else if (c == '\n') {
        break;
      } else if (c != '\r') {
        record.cells.back() += c;
      }
    }
    return true;
  }

 private:
  void begin_cell(Record& record) {
    record.cells.emplace_back();
    record.begins.push_back(static_cast<int>(at_ - line_begin_) + 1);
  }

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
  char separator_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  int line_ = 1;
};

char separator_of(const std::string& text) {
  const std::string header = text.substr(0, text.find('\n'));
  const bool semicolons = header.find(';') != std::string::npos && header.find(',') == std::string::npos;
  return semicolons ? ';' : ',';
}

std::string trimmed(const std::string& cell) {
  const std::size_t first = cell.find_first_not_of(" \t"), last = cell.find_last_not_of(" \t");
  return first == std::string::npos ? "" : cell.substr(first, last - first + 1);
}

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
  table.separator_ = separator_of(text);
  Records records(text, table.separator_);
  Record record;
  if (!records.next(record)) throw SpecError({file, 1, 1}, "empty, expected a header row");
  for (const std::string& name : record.cells) table.columns_.push_back(trimmed(name));
  while (records.next(record)) {
    if (record.cells.size() == 1 && trimmed(record.cells.front()).empty()) continue;
    if (record.cells.size() != table.columns_.size()) {
      const std::size_t odd = std::min(record.cells.size(), table.columns_.size());
      throw SpecError(
          {file, record.line, odd < record.begins.size() ? record.begins[odd] : 1},
          fmt::format("{} cells, expected {} as in the header", record.cells.size(), table.columns_.size()));
    }
    table.cells_.push_back(record.cells);
    table.lines_.push_back(record.line);
    table.begins_.push_back(record.begins);
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

std::optional<double> CsvTable::value_of(const std::string& cell) const {
  std::string text = trimmed(cell);
  // Where semicolons part the cells, a comma is the decimal one.
  if (separator_ == ';') std::replace(text.begin(), text.end(), ',', '.');
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

SourceLocation CsvTable::location(std::size_t row, const std::string& column) const {
  return {file_, lines_[row], begins_[row][require(column)]};
}

double CsvTable::positive(std::size_t row, const std::string& column) const {
  const auto value = value_of(text(row, column));
  if (value && *value > 0.0) return *value;
  throw SpecError(location(row, column), fmt::format("{} is '{}', expected a number > 0", column, text(row, column)));
}

double CsvTable::number(std::size_t row, const std::string& column, double least, double most) const {
  const auto value = value_of(text(row, column));
  if (value && *value >= least && *value <= most) return *value;
  const bool has_marks = text(row, column).find(',') != std::string::npos;
  throw SpecError(location(row, column),
                  fmt::format("{} is '{}', expected a number of at least {}{}", column, text(row, column), least,
                              has_marks ? " without thousands marks" : ""));
}

}  // namespace windtunnel::modeling
