// SPDX-License-Identifier: Apache-2.0
// A parsed YAML document as an immutable tree; aliases share nodes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "modeling/spec/spec_error.h"
#include "modeling/spec/yaml_limits.h"

namespace windtunnel::modeling {

struct YamlNode;
using YamlNodePointer = std::shared_ptr<const YamlNode>;

struct YamlKey {
  std::string text;
  SourceLocation location;
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  SourceLocation location;
  /// The scalar; `quoted` when it was written in quotes and so is a text, never a number.
  std::string text;
  bool quoted = false;
  std::vector<YamlNodePointer> items;
  std::vector<std::pair<YamlKey, YamlNodePointer>> entries;
  /// Nodes in this subtree, aliases expanded, this one included.
  std::size_t nodes = 1;

  /// The value of a key, or null.
  YamlNodePointer find(const std::string& key) const;
};

/// Parses one document. Throws SpecError (located in `file`) on bad syntax, a second document, a repeated key, a key
/// that is not plain text, a merge key, a tag, an alias to an unfinished anchor, and beyond the limits.
YamlNodePointer parse_yaml(const std::string& text, const std::string& file, const YamlLimits& limits);

/// A copy of the tree in which the value at the dotted `path` is replaced; missing maps are created, an index one past
/// the end of a list appends, and a null value removes the key. Errors are located at `origin`.
YamlNodePointer with_value(const YamlNodePointer& root, const std::string& path, const YamlNodePointer& value,
                           const SourceLocation& origin);

}  // namespace windtunnel::modeling
