// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/readable_number.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "modeling/spec/quantity.h"

namespace windtunnel::modeling {
namespace {

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

std::optional<Dimension> dimension_of(std::string_view name) {
  // Longer endings first: `_bytes_per_s` also ends in `_per_s`, and that in `_s`.
  static constexpr std::array<std::pair<std::string_view, Dimension>, 6> kEndings = {{
      {"bytes_per_s", Dimension::kBytesPerSecond},
      {"flop_per_s", Dimension::kFlopPerSecond},
      {"bytes", Dimension::kBytes},
      {"_flop", Dimension::kFlop},
      {"_w", Dimension::kPower},
      {"_s", Dimension::kTime},
  }};
  for (const auto& [ending, dimension] : kEndings) {
    if (name.ends_with(ending)) return dimension;
  }
  return std::nullopt;
}

}  // namespace

std::string readable_number(std::string_view name, const std::optional<double>& value) {
  if (!value || std::isnan(*value)) return "unknown";
  if (std::isinf(*value)) return *value > 0 ? "infinite" : "minus infinite";
  const std::string_view stem = without_suffix(without_suffix(name, "_per_device"), "_per_replica");
  const bool plain_rate = stem.ends_with("_per_s") && !stem.ends_with("bytes_per_s") && !stem.ends_with("flop_per_s");
  if (plain_rate) return fmt::format("{:.4g} /s", *value);
  if (const auto dimension = dimension_of(stem)) return format_quantity(*value, *dimension);
  return fmt::format("{:.4g}", *value);
}

std::string words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace windtunnel::modeling
