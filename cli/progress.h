// SPDX-License-Identifier: Apache-2.0
// How far a long task is, on standard error, for a person who waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace windtunnel::cli {

/// One line that is rewritten at most ten times a second, from the first second on; only where standard error is a
/// terminal that can do it (TERM not "dumb"). Gone when finished or destroyed. Not for several threads at once.
class Progress {
 public:
  /// `what`: "points", "layouts".
  Progress(std::string what, std::size_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { finish(); }

  void update(std::size_t done) { update(done, total_); }
  /// The total may become known late.
  void update(std::size_t done, std::size_t total);
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::size_t total_;
  bool visible_;
  bool shown_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_ = begin_;
};

}  // namespace windtunnel::cli
