// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/schema_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "modeling/spec/engine_flags.h"
#include "modeling/spec/json_schema.h"
#include "modeling/spec/nearest_name.h"
#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {
namespace {

using Json = nlohmann::ordered_json;

const Json& parsed_schema() {
  static const Json parsed = Json::parse(json_schema());
  return parsed;
}

/// The form of a node that has keys or entries: of alternatives the one that has some.
const Json& structured(const Json& node) {
  if (!node.contains("anyOf")) return node;
  for (const Json& alternative : node.at("anyOf")) {
    if (alternative.contains("properties") || alternative.contains("items")) return alternative;
  }
  return node;
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::vector<std::string> keys_of(const Json& node) {
  std::vector<std::string> keys;
  if (!node.contains("properties")) return keys;
  for (const auto& [key, value] : node.at("properties").items()) keys.push_back(key);
  return keys;
}

void collect(const Json& node, const std::string& prefix, std::vector<std::string>& paths) {
  const Json& inner = structured(node);
  if (inner.contains("items")) return collect(inner.at("items"), prefix + ".0", paths);
  const std::vector<std::string> keys = keys_of(inner);
  if (keys.empty() || &inner != &node) paths.push_back(prefix);
  for (const std::string& key : keys)
    collect(inner.at("properties").at(key), prefix.empty() ? key : prefix + "." + key, paths);
}

}  // namespace

void require_known_path(const std::string& path, const std::string& option) {
  const Json* node = &parsed_schema();
  for (const std::string& part : split(path)) {
    const Json& inner = structured(*node);
    if (inner.contains("items")) {
      node = &inner.at("items");
      continue;
    }
    const std::vector<std::string> keys = keys_of(inner);
    if (std::find(keys.begin(), keys.end(), part) == keys.end()) {
      const auto known = key_of_engine_flag(part);
      throw SpecError({option + " " + path, 1, 1},
                      fmt::format("unknown key {}{}", in_quotes(part),
                                  known ? ", an engine's name for " + *known : suggestion(part, keys)));
    }
    node = &inner.at("properties").at(part);
  }
}

std::vector<std::string> known_paths() {
  std::vector<std::string> paths;
  collect(parsed_schema(), "", paths);
  return paths;
}

}  // namespace windtunnel::modeling
