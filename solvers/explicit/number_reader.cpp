// SPDX-License-Identifier: Apache-2.0
#include "solvers/explicit/number_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace windtunnel::solvers {
namespace {

// In the second-level cache while it is filled and read.
constexpr std::size_t kBufferBytes = 1 << 17;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Exact powers of ten: a decimal of up to 15 digits times or divided by one of them is rounded once, hence correct.
// Source: W. Clinger, How to read floating point numbers accurately, PLDI 1990.
constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// `12`, `0.5`, `33.125`: most rates. Returns the end, or nullptr for anything else.
const char* short_decimal(const char* at, const char* end, double& value) {
  std::uint64_t digits = 0;
  const char* const begin = at;
  for (; at != end && is_digit(*at); ++at) digits = 10 * digits + static_cast<std::uint64_t>(*at - '0');
  std::ptrdiff_t count = at - begin;
  std::size_t decimals = 0;
  if (at != end && *at == '.') {
    const char* const point = at++;
    for (; at != end && is_digit(*at); ++at) digits = 10 * digits + static_cast<std::uint64_t>(*at - '0');
    decimals = static_cast<std::size_t>(at - point - 1);
    count += at - point - 1;
  }
  if (count == 0 || count > 15 || (at != end && (*at == 'e' || *at == 'E'))) return nullptr;
  value = static_cast<double>(digits) / kPowersOfTen[decimals];
  return at;
}

/// Up to 18 digits without a sign. Returns the end, or nullptr for anything else.
const char* short_integer(const char* at, const char* end, std::int64_t& value) {
  const char* const begin = at;
  for (; at != end && is_digit(*at); ++at) {
    if (at - begin == 18) return nullptr;
    value = 10 * value + (*at - '0');
  }
  return at == begin ? nullptr : at;
}

}  // namespace

NumberReader::NumberReader(std::istream& input, const std::string& file)
    : input_(input), file_(file), buffer_(kBufferBytes) {
  at_ = end_ = buffer_.data();
  fill();
}

void NumberReader::refill() {
  if (exhausted_) return;
  buffer_offset_ = offset();
  const auto rest = static_cast<std::size_t>(end_ - at_);
  if (rest > 0) std::memmove(buffer_.data(), at_, rest);
  input_.read(buffer_.data() + rest, static_cast<std::streamsize>(buffer_.size() - rest));
  const auto read = static_cast<std::size_t>(input_.gcount());
  exhausted_ = read == 0;
  at_ = buffer_.data();
  end_ = at_ + rest + read;
}

SourceLocation NumberReader::where() const {
  return {line_, static_cast<int>(offset() - line_offset_) + 1};
}

void NumberReader::fail(const std::string& message) const {
  fail_at(where(), message);
}

void NumberReader::fail_at(SourceLocation at, const std::string& message) const {
  throw InputError(file_, at, message);
}

void NumberReader::next_line() {
  ++at_;
  ++line_;
  line_offset_ = offset();
}

bool NumberReader::at_line_end() {
  fill();
  while (!ended() && is_blank(*at_)) {
    ++at_;
    if (ended()) fill();
  }
  return ended() || *at_ == '\n';
}

bool NumberReader::skip_to_word() {
  for (;;) {
    if (offset() == line_offset_ && at(comment)) {
      const std::string line = rest_of_line();
      if (comments != nullptr) comments->push_back(line.substr(1));
    } else if (!at_line_end()) {
      return true;
    } else if (ended()) {
      return false;
    } else {
      next_line();
    }
  }
}

void NumberReader::expect_line_end() {
  if (!at_line_end()) fail(fmt::format("found '{}', expected the end of the line", next_word()));
}

std::string NumberReader::rest_of_line() {
  std::string line;
  for (fill(); !ended() && *at_ != '\n'; fill()) line += *at_++;
  if (!ended()) next_line();
  return line;
}

std::string_view NumberReader::next_word() const {
  const char* end = at_;
  while (end != end_ && !is_blank(*end) && *end != '\n' && end - at_ < 60) ++end;
  return {at_, static_cast<std::size_t>(end - at_)};
}

std::int64_t NumberReader::integer(std::string_view what, std::int64_t lowest, std::int64_t highest) {
  if (at_line_end()) fail(fmt::format("expected {}", what));
  std::int64_t value = 0;
  const char* end = short_integer(at_, end_, value);
  if (end == nullptr) {
    const auto [digits_end, error] = std::from_chars(at_, end_, value);
    end = error == std::errc() ? digits_end : nullptr;
  }
  if (end == nullptr || value < lowest || value > highest) {
    fail(fmt::format("found '{}', expected {} from {} to {}", next_word(), what, lowest, highest));
  }
  at_ = end;
  return value;
}

double NumberReader::real(std::string_view what) {
  if (at_line_end()) fail(fmt::format("expected {}", what));
  double value = 0.0;
  if (const char* const end = short_decimal(at_, end_, value); end != nullptr) {
    at_ = end;
    return value;
  }
  const auto [end, error] = std::from_chars(at_, end_, value);
  if (error != std::errc() || !std::isfinite(value)) {
    fail(fmt::format("found '{}', expected {}", next_word(), what));
  }
  at_ = end;
  return value;
}

std::string NumberReader::word() {
  if (at_line_end()) fail("expected a word");
  std::string word;
  for (; !ended() && !is_blank(*at_) && *at_ != '\n'; fill()) word += *at_++;
  return word;
}

char NumberReader::character(std::string_view expected) {
  fill();
  if (ended() || *at_ == '\n') fail(fmt::format("found the end of the line, expected {}", expected));
  return *at_++;
}

bool NumberReader::take(char c) {
  if (!at(c)) return false;
  ++at_;
  return true;
}

bool NumberReader::take_text(std::string_view text) {
  fill();
  if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, text.size()) != text) return false;
  at_ += text.size();
  return true;
}

void NumberReader::expect(char c, std::string_view what) {
  at_line_end();
  if (!at(c)) fail(fmt::format("found '{}', expected {}", next_word(), what));
  ++at_;
}

}  // namespace windtunnel::solvers
