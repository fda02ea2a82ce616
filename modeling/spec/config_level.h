// SPDX-License-Identifier: Apache-2.0
// One level of a config.json, whose keys have other names in other families.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <optional>
#include <vector>

#include "modeling/spec/yaml_reader.h"

namespace windtunnel::modeling {

using KeyNames = std::initializer_list<const char*>;

class ConfigLevel {
 public:
  static constexpr Count kLargest = 10'000'000'000;

  explicit ConfigLevel(YamlReader map) : map_(std::move(map)) {}

  /// The first of the names that is there and not null.
  std::optional<YamlValue> find(KeyNames names) {
    for (const char* name : names) {
      const auto value = map_.find(name);
      if (value && !value->is_null()) return value;
    }
    return std::nullopt;
  }

  Count count(KeyNames names) {
    const auto value = find(names);
    if (!value) throw SpecError(map_.location(), fmt::format("missing key '{}'", *names.begin()));
    return value->count(1, kLargest);
  }

  /// A list (one number per layer) gives its first.
  Count count(KeyNames names, Count otherwise) {
    const auto value = find(names);
    if (!value) return otherwise;
    if (!value->is_list()) return value->count(0, kLargest);
    const auto list = value->list();
    return list.empty() ? otherwise : list.front().count(0, kLargest);
  }

  bool boolean(KeyNames names, bool otherwise) {
    const auto value = find(names);
    return value ? value->boolean() : otherwise;
  }

  std::string text(KeyNames names, const std::string& otherwise = "") {
    const auto value = find(names);
    return value && value->is_scalar() ? value->text() : otherwise;
  }

  std::optional<YamlReader> map(KeyNames names) {
    const auto value = find(names);
    return value && value->is_map() ? std::optional(value->map()) : std::nullopt;
  }

  /// Empty when the key is absent or no list.
  std::vector<Count> counts(KeyNames names) {
    std::vector<Count> numbers;
    const auto value = find(names);
    if (!value || !value->is_list()) return numbers;
    for (const YamlValue& item : value->list()) numbers.push_back(item.is_null() ? 0 : item.count(0, kLargest));
    return numbers;
  }

  SourceLocation location() const { return map_.location(); }
  SourceLocation location_of(std::string_view key) const { return map_.location_of(key); }

 private:
  YamlReader map_;
};

}  // namespace windtunnel::modeling
