// SPDX-License-Identifier: Apache-2.0
// A comma-separated file with a header row, as a spreadsheet writes it (RFC 4180), read with places for messages.
#pragma once

#include <optional>
#include <string>
#include <vector>

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
  const std::string& file() const { return file_; }

 private:
  std::optional<std::size_t> find(const std::string& column) const;
  std::size_t require(const std::string& column) const;

  std::string file_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> cells_;
  std::vector<int> lines_;
};

}  // namespace windtunnel::modeling
