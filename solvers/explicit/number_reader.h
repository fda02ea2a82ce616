// SPDX-License-Identifier: Apache-2.0
// Numbers out of large text files, block by block, with the place of each: some 10 ns per number.
#pragma once
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "solvers/numerics/input_error.h"

namespace windtunnel::solvers {

class NumberReader {
 public:
  /// `file` is named in messages; both must outlive the reader.
  NumberReader(std::istream& input, const std::string& file);

  /// Goes on to the next word, over blanks and comment lines (lines that begin with `comment`), across line ends. False
  /// at the end of the file.
  bool skip_to_word();
  /// Skips blanks inside the line; true when nothing follows on it.
  bool at_line_end();
  /// Throws InputError when something follows on the line.
  void expect_line_end();
  /// The rest of the line, without its end; the next line becomes current.
  std::string rest_of_line();

  bool at(char c) {
    fill();
    return !ended() && *at_ == c;
  }
  /// Throw InputError at the word that is no such number; `what` names it.
  std::int64_t integer(std::string_view what, std::int64_t lowest, std::int64_t highest);
  double real(std::string_view what);
  std::string word();
  /// The next character, line ends excluded.
  char character(std::string_view expected);
  bool take(char c);
  bool take_text(std::string_view text);
  /// Throws InputError unless the character comes next.
  void expect(char c, std::string_view what);

  SourceLocation where() const;
  [[noreturn]] void fail(const std::string& message) const;
  [[noreturn]] void fail_at(SourceLocation at, const std::string& message) const;

  /// Character that begins a comment line: '#', or '%' in MatrixMarket.
  char comment = '#';
  /// Called with each comment line, without the comment character; may be empty.
  std::vector<std::string>* comments = nullptr;

 private:
  /// No number of a sane file is longer; words are read whole up to this length.
  static constexpr std::ptrdiff_t kLongestWord = 4096;

  /// At least one word's worth of text lies in the buffer behind this call, unless the file ends before.
  void fill() {
    if (end_ - at_ < kLongestWord) [[unlikely]]
      refill();
  }
  void refill();
  bool ended() const { return at_ == end_; }
  std::int64_t offset() const { return buffer_offset_ + (at_ - buffer_.data()); }
  std::string_view next_word() const;
  void next_line();

  std::istream& input_;
  const std::string& file_;
  std::vector<char> buffer_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  /// Bytes of the file before the buffer, and before the current line.
  std::int64_t buffer_offset_ = 0;
  std::int64_t line_offset_ = 0;
  int line_ = 1;
  bool exhausted_ = false;
};

}  // namespace windtunnel::solvers
