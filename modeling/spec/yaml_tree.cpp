// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/yaml_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {
namespace {

using Kind = YamlNode::Kind;

// Longer paths than any spec has; bounds the recursion of replaced().
constexpr std::size_t kLongestPath = 16;

struct Replacement {
  std::vector<std::string> path;
  YamlNodePointer value;
  SourceLocation origin;
};

std::vector<std::string> split(const std::string& path, const SourceLocation& origin) {
  std::vector<std::string> segments(1);
  for (const char c : path) {
    if (c == '.') {
      segments.emplace_back();
    } else {
      segments.back() += c;
    }
  }
  const bool empty = std::any_of(segments.begin(), segments.end(), [](const auto& s) { return s.empty(); });
  if (empty) throw SpecError(origin, fmt::format("path {} has an empty part", in_quotes(path)));
  if (segments.size() > kLongestPath) throw SpecError(origin, fmt::format("path has more than {} parts", kLongestPath));
  return segments;
}

std::size_t index_in(const YamlNode& list, const std::string& segment, const SourceLocation& origin) {
  std::size_t index = 0;
  const auto result = std::from_chars(segment.data(), segment.data() + segment.size(), index);
  const bool whole = result.ec == std::errc() && result.ptr == segment.data() + segment.size();
  if (!whole || index > list.items.size()) {
    throw SpecError(origin,
                    fmt::format("{} is not an index of a list of {} entries", in_quotes(segment), list.items.size()));
  }
  return index;
}

YamlNode empty_map(const SourceLocation& origin) {
  YamlNode map;
  map.kind = Kind::kMap;
  map.location = origin;
  return map;
}

YamlNodePointer replaced(const YamlNodePointer& node, const Replacement& replacement, std::size_t depth);

YamlNodePointer replaced_in_list(YamlNode list, const Replacement& replacement, std::size_t depth) {
  const std::size_t index = index_in(list, replacement.path[depth], replacement.origin);
  if (index == list.items.size()) list.items.emplace_back();
  const YamlNodePointer item = replaced(list.items[index], replacement, depth + 1);
  if (item->kind == Kind::kNull) {
    list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(index));
  } else {
    list.items[index] = item;
  }
  return std::make_shared<const YamlNode>(std::move(list));
}

YamlNodePointer replaced_in_map(YamlNode map, const Replacement& replacement, std::size_t depth) {
  const std::string& name = replacement.path[depth];
  const auto entry =
      std::find_if(map.entries.begin(), map.entries.end(), [&](const auto& e) { return e.first.text == name; });
  const YamlNodePointer value = replaced(map.find(name), replacement, depth + 1);
  const bool remove = value->kind == Kind::kNull;
  if (entry != map.entries.end()) map.entries.erase(entry);
  if (!remove) map.entries.emplace_back(YamlKey{name, replacement.origin}, value);
  return std::make_shared<const YamlNode>(std::move(map));
}

// The subtree `node` (null: nothing there yet) with the replacement made below it.
YamlNodePointer replaced(const YamlNodePointer& node, const Replacement& replacement, std::size_t depth) {
  if (depth == replacement.path.size()) return replacement.value;
  if (!node || node->kind == Kind::kNull) return replaced_in_map(empty_map(replacement.origin), replacement, depth);
  if (node->kind == Kind::kList) return replaced_in_list(*node, replacement, depth);
  if (node->kind == Kind::kMap) return replaced_in_map(*node, replacement, depth);
  throw SpecError(replacement.origin, fmt::format("cannot set {} inside the value {}",
                                                  in_quotes(replacement.path[depth]), in_quotes(node->text)));
}

}  // namespace

YamlNodePointer YamlNode::find(const std::string& key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first.text == key; });
  return found == entries.end() ? nullptr : found->second;
}

YamlNodePointer with_value(const YamlNodePointer& root, const std::string& path, const YamlNodePointer& value,
                           const SourceLocation& origin) {
  return replaced(root, {split(path, origin), value, origin}, 0);
}

}  // namespace windtunnel::modeling
