// SPDX-License-Identifier: Apache-2.0
// Which known name a misspelt one probably means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace windtunnel::modeling {

/// Fewest insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, letter case ignored.
/// Source: optimal string alignment distance; Damerau, Communications of the ACM 7(3), 1964.
int edit_distance(std::string_view a, std::string_view b);

/// The candidate with the smallest edit distance, if that is at most a third of the length of the shorter name (at
/// least 1).
std::optional<std::string> nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// `, did you mean 'tensor'?`, or `, expected one of a, b, c` when nothing is near, or nothing without candidates.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

/// The text in single quotes on one line: control characters as `\xNN`, at most 60 bytes.
std::string in_quotes(std::string_view text);

/// `a, b, c`.
std::string joined(const std::vector<std::string>& names);

/// ASCII letters in lower case.
std::string lower_case(std::string_view text);

}  // namespace windtunnel::modeling
