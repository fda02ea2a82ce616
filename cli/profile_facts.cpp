// SPDX-License-Identifier: Apache-2.0
#include "cli/profile_facts.h"

#include <optional>

namespace windtunnel::cli {
namespace {

using modeling::YamlReader;
using modeling::YamlValue;

std::string text_or_empty(YamlReader& map, const char* key) {
  const std::optional<YamlValue> value = map.find(key);
  return value && value->is_scalar() ? value->text() : "";
}

std::string item_name(const YamlValue& item, std::size_t position) {
  if (!item.is_map()) return std::to_string(position);
  YamlReader map = item.map();
  if (map.has("name")) return text_or_empty(map, "name");
  if (map.has("from") && map.has("to")) return text_or_empty(map, "from") + "->" + text_or_empty(map, "to");
  return std::to_string(position);
}

std::string joined_path(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

/// Keys that item_name has already put into the path.
bool names_the_item(const std::string& key) {
  return key == "name" || key == "from" || key == "to";
}

void collect(const YamlValue& value, const std::string& path, std::vector<ProfileFact>& facts);

void collect_item(const YamlValue& item, const std::string& path, std::vector<ProfileFact>& facts) {
  if (!item.is_map()) return collect(item, path, facts);
  for (const auto& [key, child] : item.map().entries()) {
    if (!names_the_item(key)) collect(child, joined_path(path, key), facts);
  }
}

void collect_map(const YamlValue& value, const std::string& path, std::vector<ProfileFact>& facts) {
  YamlReader map = value.map();
  if (map.has("value") && map.has("evidence")) {
    facts.push_back({path, map.text("value"), map.text("evidence"), text_or_empty(map, "source")});
    return;
  }
  for (const auto& [key, child] : map.entries()) {
    if (path.empty() && key == "sources") continue;
    collect(child, joined_path(path, key), facts);
  }
}

void collect_list(const YamlValue& value, const std::string& path, std::vector<ProfileFact>& facts) {
  std::size_t position = 0;
  for (const YamlValue& item : value.list()) {
    collect_item(item, joined_path(path, item_name(item, position)), facts);
    ++position;
  }
}

void collect(const YamlValue& value, const std::string& path, std::vector<ProfileFact>& facts) {
  if (value.is_map()) return collect_map(value, path, facts);
  if (value.is_list()) return collect_list(value, path, facts);
  facts.push_back({path, value.is_null() ? "" : value.text(), "", ""});
}

}  // namespace

std::vector<ProfileFact> profile_facts(const YamlValue& root) {
  std::vector<ProfileFact> facts;
  collect(root, "", facts);
  return facts;
}

std::vector<ProfileSource> profile_sources(const YamlValue& root) {
  std::vector<ProfileSource> sources;
  YamlReader top = root.map();
  const std::optional<YamlValue> block = top.find("sources");
  if (!block) return sources;
  for (const auto& [key, value] : block->map().entries()) {
    YamlReader source = value.map();
    sources.push_back({key, text_or_empty(source, "title"), text_or_empty(source, "where")});
  }
  return sources;
}

}  // namespace windtunnel::cli
