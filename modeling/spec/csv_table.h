// SPDX-License-Identifier: Apache-2.0
// A file of cells with a header row, as a spreadsheet writes it (RFC 4180), read with places for messages. Cells are
// parted by commas, or by semicolons where the header holds those and no comma; numbers then may have a decimal comma.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

class CsvTable {
 public:
  /// Throws SpecError when the file cannot be read, has no header, or a row has another number of cells.
  static CsvTable load(const std::string& file);
  static CsvTable parse(const std::string& text, const std::string& file);

  std::size_t rows() const { return cells_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }
  bool has(const std::string& column) const { return find(column).has_value(); }
  /// Throws SpecError naming the columns there are when this one is missing.
  const std::string& text(std::size_t row, const std::string& column) const;
  /// A finite number > 0. Throws SpecError at the cell otherwise.
  double positive(std::size_t row, const std::string& column) const;
  /// A number from `least` to `most`. Throws SpecError at the cell otherwise.
  double number(std::size_t row, const std::string& column, double least, double most) const;
  /// Where a cell begins, for messages.
  SourceLocation location(std::size_t row, const std::string& column) const;
  const std::string& file() const { return file_; }

 private:
  std::optional<std::size_t> find(const std::string& column) const;
  std::optional<double> value_of(const std::string& cell) const;
  std::size_t require(const std::string& column) const;

  std::string file_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> cells_;
  std::vector<int> lines_;
  /// First character of each cell in its line, from 1.
  std::vector<std::vector<int>> begins_;
  char separator_ = ',';
};

}  // namespace windtunnel::modeling
