// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace windtunnel::modeling {
namespace {

// No key of ours is near this long; it bounds the quadratic distance on hostile input.
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestQuote = 60;

int allowed_distance(std::string_view a, std::string_view b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  return shorter < 3 ? 0 : std::max<int>(1, static_cast<int>(shorter / 3));
}

std::size_t length_difference(std::string_view a, std::string_view b) {
  return std::max(a.size(), b.size()) - std::min(a.size(), b.size());
}

// At most kLongestQuote bytes, not cut inside a UTF-8 sequence.
std::string_view shortened(std::string_view text) {
  if (text.size() <= kLongestQuote) return text;
  std::size_t length = kLongestQuote;
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) --length;
  return text.substr(0, length);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

int edit_distance(std::string_view first, std::string_view second) {
  const std::string a = lower_case(first);
  const std::string b = lower_case(second);
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = static_cast<int>(i);
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int substitution = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + substitution});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.size() > kLongestName) return std::nullopt;
  std::optional<std::string> nearest;
  int smallest = std::numeric_limits<int>::max();
  for (const std::string& candidate : candidates) {
    // The distance is at least this, and this costs nothing.
    if (length_difference(name, candidate) > static_cast<std::size_t>(allowed_distance(name, candidate))) continue;
    const int distance = edit_distance(name, candidate);
    if (distance > allowed_distance(name, candidate) || distance >= smallest) continue;
    smallest = distance;
    nearest = candidate;
  }
  return nearest;
}

std::string suggestion(std::string_view name, const std::vector<std::string>& candidates) {
  if (const auto nearest = nearest_name(name, candidates)) return fmt::format(", did you mean '{}'?", *nearest);
  return candidates.empty() ? "" : ", expected one of " + joined(candidates);
}

std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : shortened(text)) {
    result += is_control(c) ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return result + (text.size() > kLongestQuote ? "...'" : "'");
}

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace windtunnel::modeling
