// SPDX-License-Identifier: Apache-2.0
// Finished points of a sweep that may be interrupted, so that the same command goes on where it stopped.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "modeling/studies/what_if/sweep.h"

namespace windtunnel::cli {

/// A file of one line per finished point. It belongs to one question: another spec, other axes or another version start
/// anew. A line that was cut short by the interruption does not count.
class SweepJournal {
 public:
  /// `question`: everything the rows depend on. Throws OutputError when the file cannot be written.
  SweepJournal(std::string path, const std::string& question, std::size_t points);
  SweepJournal(const SweepJournal&) = delete;
  SweepJournal& operator=(const SweepJournal&) = delete;
  ~SweepJournal();

  /// Rows of the run before; one entry per point.
  std::vector<std::optional<modeling::SweepRow>> take_known() { return std::move(known_); }
  std::size_t known_count() const { return known_count_; }
  void add(std::size_t point, const modeling::SweepRow& row);
  /// The sweep is complete: the file goes.
  void remove();

 private:
  void read(const std::string& header);
  void read_line(const std::string& line);

  std::string path_;
  std::vector<std::optional<modeling::SweepRow>> known_;
  std::size_t known_count_ = 0;
  std::FILE* file_ = nullptr;
};

}  // namespace windtunnel::cli
