// SPDX-License-Identifier: Apache-2.0
// The one door to YAML: a strict, located reader of maps, with quantities.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modeling/spec/quantity.h"
#include "modeling/spec/spec.h"
#include "modeling/spec/spec_error.h"
#include "modeling/spec/yaml_limits.h"

namespace windtunnel::modeling {

struct YamlNode;
class YamlReader;

/// A value together with where it stands. Cheap to copy.
class YamlValue {
 public:
  YamlValue() = default;
  explicit YamlValue(std::shared_ptr<const YamlNode> node) : node_(std::move(node)) {}

  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;
  bool is_null() const;
  SourceLocation location() const;

  /// Each throws SpecError with what was found and what was expected.
  std::string text() const;
  /// `true` or `false`, nothing else.
  bool boolean() const;
  /// A finite number without unit in [minimum, maximum].
  double number(double minimum, double maximum) const;
  /// A whole number; `7e9` is one. No leading zeros, no hexadecimal, no underscores.
  Count count(Count minimum, Count maximum) const;
  /// A number with a unit of the dimension, converted to SI, >= 0.
  double quantity(Dimension dimension) const;
  /// The same, > 0.
  double positive_quantity(Dimension dimension) const;
  YamlReader map() const;
  std::vector<YamlValue> list() const;

  [[noreturn]] void fail(const std::string& message) const;

 private:
  friend class YamlReader;
  friend class YamlDocument;
  const YamlNode& scalar(const std::string& expected) const;
  std::string found() const;

  std::shared_ptr<const YamlNode> node_;
};

/// A map whose keys are read one by one; finish() rejects the ones nobody asked for, with a suggestion.
/// Copies share what was asked for.
class YamlReader {
 public:
  /// Throws SpecError when the value is not a map.
  explicit YamlReader(YamlValue value);

  SourceLocation location() const { return value_.location(); }
  /// Where the key stands, or the map when the key is absent: for messages about several keys at once.
  SourceLocation location_of(std::string_view key) const;
  /// True when the key stands in the map (and marks it as known).
  bool has(std::string_view key);
  std::optional<YamlValue> find(std::string_view key);
  /// Throws SpecError "missing key 'x'" at the map's location, or "unknown key" at one that is probably meant.
  YamlValue require(std::string_view key);
  /// Every (key, value) in file order, for maps whose keys are data; such a map needs no finish().
  std::vector<std::pair<std::string, YamlValue>> entries();
  /// Throws SpecError at the first key that was never asked for, suggesting the nearest known one.
  void finish() const;

  std::string text(std::string_view key) { return require(key).text(); }
  std::string text(std::string_view key, std::string otherwise);
  bool boolean(std::string_view key, bool otherwise);
  std::optional<bool> optional_boolean(std::string_view key);
  Count count(std::string_view key, Count minimum, Count maximum) { return require(key).count(minimum, maximum); }
  Count count(std::string_view key, Count minimum, Count maximum, Count otherwise);
  std::optional<Count> optional_count(std::string_view key, Count minimum, Count maximum);
  double number(std::string_view key, double minimum, double maximum, double otherwise);
  std::optional<double> optional_number(std::string_view key, double minimum, double maximum);
  double quantity(std::string_view key, Dimension dimension) { return require(key).quantity(dimension); }
  double quantity(std::string_view key, Dimension dimension, double otherwise);
  std::optional<double> optional_quantity(std::string_view key, Dimension dimension);
  YamlReader map(std::string_view key) { return require(key).map(); }

 private:
  bool asked(const std::string& key) const;

  YamlValue value_;
  /// In the order of the first question, for the list in messages.
  std::shared_ptr<std::vector<std::string>> known_;
};

/// `--set path.to.key=value`: value is YAML text; the path is created where missing; a list index is a number
/// (`traffic.classes.0.share`), one past the end appends; the value `null` removes the key.
struct YamlOverride {
  std::string path;
  std::string value;
  /// Where the user wrote it, for messages.
  std::string option = "--set";
};

/// The same, parsed once for many documents.
class YamlChange {
 public:
  /// Throws SpecError when the value is not YAML.
  explicit YamlChange(const YamlOverride& change, const YamlLimits& limits = {});

 private:
  friend class YamlDocument;
  std::string path_;
  SourceLocation origin_;
  std::shared_ptr<const YamlNode> value_;
};

/// A parsed file: one document, no duplicate keys, no aliases beyond the limits, no merge keys, no tags.
class YamlDocument {
 public:
  static YamlDocument load(const std::string& file, const std::vector<YamlOverride>& overrides = {},
                           const YamlLimits& limits = {});
  static YamlDocument parse(const std::string& text, const std::string& file,
                            const std::vector<YamlOverride>& overrides = {}, const YamlLimits& limits = {});
  /// A copy with the changes made, in their order; the unchanged parts are shared.
  YamlDocument with(const std::vector<YamlChange>& changes) const;
  YamlValue root() const { return root_; }
  const std::string& file() const { return file_; }

 private:
  YamlValue root_;
  std::string file_;
};

}  // namespace windtunnel::modeling
