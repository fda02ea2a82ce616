// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/yaml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "modeling/spec/engine_flags.h"
#include "modeling/spec/nearest_name.h"
#include "modeling/spec/yaml_text.h"
#include "modeling/spec/yaml_tree.h"

namespace windtunnel::modeling {
namespace {

using Kind = YamlNode::Kind;

bool is_infinite(double bound) {
  return std::abs(bound) >= std::numeric_limits<double>::max();
}

std::string range(const std::string& kind, double minimum, double maximum) {
  if (is_infinite(minimum) && is_infinite(maximum)) return kind;
  if (is_infinite(maximum)) return fmt::format("{} >= {}", kind, minimum);
  return fmt::format("{} from {} to {}", kind, minimum, maximum);
}

std::string range(Count minimum, Count maximum) {
  if (maximum == std::numeric_limits<Count>::max()) return fmt::format("a whole number >= {}", minimum);
  return fmt::format("a whole number from {} to {}", minimum, maximum);
}

// Counts go through a double, in which whole numbers are exact up to 2^53.
constexpr double kLargestExactCount = 9007199254740992.0;

std::string expecting(const std::string& problem, const std::string& expected) {
  return fmt::format("{}, expected {}", problem, expected);
}

}  // namespace

bool YamlValue::is_map() const {
  return node_->kind == Kind::kMap;
}
bool YamlValue::is_list() const {
  return node_->kind == Kind::kList;
}
bool YamlValue::is_scalar() const {
  return node_->kind == Kind::kScalar;
}
bool YamlValue::is_null() const {
  return node_->kind == Kind::kNull;
}
SourceLocation YamlValue::location() const {
  return node_->location;
}

void YamlValue::fail(const std::string& message) const {
  throw SpecError(location(), message);
}

std::string YamlValue::found() const {
  switch (node_->kind) {
    case Kind::kNull:
      return "found nothing";
    case Kind::kScalar:
      return "found " + in_quotes(node_->text);
    case Kind::kList:
      return "found a list";
    case Kind::kMap:
      return "found a map";
  }
  return "";
}

const YamlNode& YamlValue::scalar(const std::string& expected) const {
  if (!is_scalar()) fail(expecting(found(), expected));
  return *node_;
}

std::string YamlValue::text() const {
  return scalar("a text").text;
}

bool YamlValue::boolean() const {
  const YamlNode& node = scalar("true or false");
  if (node.quoted || (node.text != "true" && node.text != "false")) fail(expecting(found(), "true or false"));
  return node.text == "true";
}

double YamlValue::number(double minimum, double maximum) const {
  const std::string expected = range("a number", minimum, maximum);
  const YamlNode& node = scalar(expected);
  if (node.quoted) fail(expecting("found the text " + in_quotes(node.text), expected));
  try {
    const double value = parse_number(node.text);
    if (value < minimum || value > maximum) fail(expecting(found(), expected));
    return value;
  } catch (const std::invalid_argument& error) {
    fail(expecting(error.what(), expected));
  }
}

Count YamlValue::count(Count minimum, Count maximum) const {
  const std::string expected = range(minimum, maximum);
  const YamlNode& node = scalar(expected);
  if (node.quoted) fail(expecting("found the text " + in_quotes(node.text), expected));
  try {
    const double value = parse_number(node.text);
    const bool whole = value == std::floor(value) && std::abs(value) <= kLargestExactCount;
    if (!whole || static_cast<Count>(value) < minimum || static_cast<Count>(value) > maximum) {
      fail(expecting(found(), expected));
    }
    return static_cast<Count>(value);
  } catch (const std::invalid_argument& error) {
    fail(expecting(error.what(), expected));
  }
}

double YamlValue::quantity(Dimension dimension) const {
  const YamlNode& node = scalar(dimension_with_example(dimension));
  try {
    return parse_quantity(node.text, dimension);
  } catch (const std::invalid_argument& error) {
    fail(error.what());
  }
}

double YamlValue::positive_quantity(Dimension dimension) const {
  const double value = quantity(dimension);
  if (value <= 0.0) fail(expecting(found(), "more than 0"));
  return value;
}

YamlReader YamlValue::map() const {
  return YamlReader(*this);
}

std::vector<YamlValue> YamlValue::list() const {
  if (!is_list()) fail(expecting(found(), "a list"));
  std::vector<YamlValue> values;
  for (const YamlNodePointer& item : node_->items) values.emplace_back(item);
  return values;
}

YamlReader::YamlReader(YamlValue value)
    : value_(std::move(value)), known_(std::make_shared<std::vector<std::string>>()) {
  if (!value_.is_map()) value_.fail(expecting(value_.found(), "a map (key: value)"));
}

SourceLocation YamlReader::location_of(std::string_view key) const {
  const YamlNodePointer node = value_.node_->find(std::string(key));
  return node ? node->location : location();
}

std::optional<YamlValue> YamlReader::find(std::string_view key) {
  if (!asked(std::string(key))) known_->emplace_back(key);
  const YamlNodePointer node = value_.node_->find(std::string(key));
  return node ? std::optional<YamlValue>(node) : std::nullopt;
}

bool YamlReader::has(std::string_view key) {
  return find(key).has_value();
}

YamlValue YamlReader::require(std::string_view key) {
  if (const auto value = find(key)) return *value;
  for (const auto& [other, node] : value_.node_->entries) {
    const bool meant = !asked(other.text) && nearest_name(other.text, {std::string(key)});
    if (meant)
      throw SpecError(other.location, fmt::format("unknown key {}, did you mean '{}'?", in_quotes(other.text), key));
  }
  throw SpecError(location(), fmt::format("missing key '{}'", key));
}

bool YamlReader::asked(const std::string& key) const {
  return std::find(known_->begin(), known_->end(), key) != known_->end();
}

std::vector<std::pair<std::string, YamlValue>> YamlReader::entries() {
  std::vector<std::pair<std::string, YamlValue>> all;
  for (const auto& [key, node] : value_.node_->entries) all.emplace_back(key.text, YamlValue(node));
  return all;
}

void YamlReader::finish() const {
  for (const auto& [key, node] : value_.node_->entries) {
    if (asked(key.text)) continue;
    if (const auto path = key_of_engine_flag(key.text))
      throw SpecError(key.location, fmt::format("unknown key {}, an engine's name for {}", in_quotes(key.text), *path));
    throw SpecError(key.location, fmt::format("unknown key {}{}", in_quotes(key.text), suggestion(key.text, *known_)));
  }
}

std::string YamlReader::text(std::string_view key, std::string otherwise) {
  const auto value = find(key);
  return value ? value->text() : std::move(otherwise);
}

bool YamlReader::boolean(std::string_view key, bool otherwise) {
  return optional_boolean(key).value_or(otherwise);
}

std::optional<bool> YamlReader::optional_boolean(std::string_view key) {
  const auto value = find(key);
  return value ? std::optional(value->boolean()) : std::nullopt;
}

Count YamlReader::count(std::string_view key, Count minimum, Count maximum, Count otherwise) {
  return optional_count(key, minimum, maximum).value_or(otherwise);
}

std::optional<Count> YamlReader::optional_count(std::string_view key, Count minimum, Count maximum) {
  const auto value = find(key);
  return value ? std::optional(value->count(minimum, maximum)) : std::nullopt;
}

double YamlReader::number(std::string_view key, double minimum, double maximum, double otherwise) {
  return optional_number(key, minimum, maximum).value_or(otherwise);
}

std::optional<double> YamlReader::optional_number(std::string_view key, double minimum, double maximum) {
  const auto value = find(key);
  return value ? std::optional(value->number(minimum, maximum)) : std::nullopt;
}

double YamlReader::quantity(std::string_view key, Dimension dimension, double otherwise) {
  return optional_quantity(key, dimension).value_or(otherwise);
}

std::optional<double> YamlReader::optional_quantity(std::string_view key, Dimension dimension) {
  const auto value = find(key);
  return value ? std::optional(value->quantity(dimension)) : std::nullopt;
}

YamlDocument YamlDocument::load(const std::string& file, const std::vector<YamlOverride>& overrides,
                                const YamlLimits& limits) {
  return parse(read_bounded_text(file, limits), file, overrides, limits);
}

YamlChange::YamlChange(const YamlOverride& change, const YamlLimits& limits)
    : path_(change.path), origin_{change.option + " " + change.path, 1, 1} {
  const bool nothing = std::all_of(change.value.begin(), change.value.end(), [](char c) { return c == ' '; });
  if (nothing) throw SpecError(origin_, "no value, expected PATH=VALUE (the value null removes a key)");
  value_ = parse_yaml(change.value, origin_.file, limits);
}

YamlDocument YamlDocument::with(const std::vector<YamlChange>& changes) const {
  YamlDocument document = *this;
  for (const YamlChange& change : changes)
    document.root_ = YamlValue(with_value(document.root_.node_, change.path_, change.value_, change.origin_));
  return document;
}

YamlDocument YamlDocument::parse(const std::string& text, const std::string& file,
                                 const std::vector<YamlOverride>& overrides, const YamlLimits& limits) {
  YamlDocument document;
  document.root_ = YamlValue(parse_yaml(text, file, limits));
  document.file_ = file;
  std::vector<YamlChange> changes;
  for (const YamlOverride& change : overrides) changes.emplace_back(change, limits);
  return document.with(changes);
}

}  // namespace windtunnel::modeling
