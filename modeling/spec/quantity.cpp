// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "modeling/spec/nearest_name.h"

namespace windtunnel::modeling {
namespace {

struct Unit {
  std::string name;
  double si = 1.0;
};
using Units = std::vector<Unit>;

struct DimensionText {
  Dimension dimension;
  const char* si;
  const char* kind;
  const char* example;
};

constexpr std::array<DimensionText, 7> kDimensions = {{
    {Dimension::kTime, "s", "a time", "30 min"},
    {Dimension::kBytes, "bytes", "a size", "80 GiB"},
    {Dimension::kBytesPerSecond, "bytes/s", "a bandwidth", "3.35 TB/s"},
    {Dimension::kFlopPerSecond, "FLOP/s", "a compute speed", "989 TFLOP/s"},
    {Dimension::kFlop, "FLOP", "an amount of compute", "1 TFLOP"},
    {Dimension::kRate, "/s", "a rate", "12 /s"},
    {Dimension::kPower, "W", "a power", "700 W"},
}};

const DimensionText& text_of(Dimension dimension) {
  return *std::find_if(kDimensions.begin(), kDimensions.end(),
                       [&](const DimensionText& text) { return text.dimension == dimension; });
}

constexpr double kYear_s = 365.25 * 86400.0;

const Units& times() {
  static const Units units = {{"ns", 1e-9},  {"us", 1e-6},   {"ms", 1e-3},       {"s", 1.0},       {"min", 60.0},
                              {"h", 3600.0}, {"d", 86400.0}, {"week", 604800.0}, {"year", kYear_s}};
  return units;
}

const Units& rates() {
  static const Units units = {{"/s", 1.0},
                              {"/min", 1.0 / 60.0},
                              {"/h", 1.0 / 3600.0},
                              {"/d", 1.0 / 86400.0},
                              {"/week", 1.0 / 604800.0},
                              {"/month", 12.0 / kYear_s},
                              {"/year", 1.0 / kYear_s}};
  return units;
}

const Units& decimal_prefixes() {
  static const Units prefixes = {{"", 1.0}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}, {"E", 1e18}};
  return prefixes;
}

const Units& binary_prefixes() {
  static const Units prefixes = {{"Ki", 0x1p10}, {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}};
  return prefixes;
}

void append(Units& units, const Units& prefixes, const std::string& name, double si) {
  for (const Unit& prefix : prefixes) units.push_back({prefix.name + name, prefix.si * si});
}

// Bytes, then binary bytes, then bits, each over `per` ("" or "/s").
Units sizes(const std::string& per) {
  Units units;
  append(units, decimal_prefixes(), "B" + per, 1.0);
  append(units, binary_prefixes(), "B" + per, 1.0);
  append(units, decimal_prefixes(), "b" + per, 0.125);
  append(units, binary_prefixes(), "b" + per, 0.125);
  return units;
}

Units prefixed(const std::string& name) {
  Units units;
  append(units, decimal_prefixes(), name, 1.0);
  return units;
}

const Units& units_of(Dimension dimension) {
  static const Units bytes = sizes("");
  static const Units bytes_per_s = sizes("/s");
  static const Units flop_per_s = prefixed("FLOP/s");
  static const Units flop = prefixed("FLOP");
  static const Units power = prefixed("W");
  switch (dimension) {
    case Dimension::kTime:
      return times();
    case Dimension::kBytes:
      return bytes;
    case Dimension::kBytesPerSecond:
      return bytes_per_s;
    case Dimension::kFlopPerSecond:
      return flop_per_s;
    case Dimension::kFlop:
      return flop;
    case Dimension::kRate:
      return rates();
    case Dimension::kPower:
      return power;
  }
  return times();
}

const Unit* find_unit(const Units& units, std::string_view name) {
  const auto found = std::find_if(units.begin(), units.end(), [&](const Unit& unit) { return unit.name == name; });
  return found == units.end() ? nullptr : &*found;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Spellings that people use and that edit distance would not find.
std::string usual_spelling(std::string unit) {
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"sec", "s"},      {"second", "s"},   {"seconds", "s"}, {"minute", "min"}, {"minutes", "min"},
      {"hour", "h"},     {"hours", "h"},    {"hr", "h"},      {"day", "d"},      {"days", "d"},
      {"weeks", "week"}, {"years", "year"}, {"msec", "ms"},   {"usec", "us"},    {"µs", "us"},
      {"μs", "us"},      {"yr", "year"},    {"/day", "/d"},   {"/hour", "/h"},   {"/sec", "/s"},
      {"/second", "/s"}, {"hz", "/s"},      {"watt", "W"},    {"bytes", "B"},    {"per second", "/s"}};
  for (const auto& [wrong, right] : names) {
    if (lower_case(unit) == wrong) return right;
  }
  for (const char* flops : {"FLOPS", "FLOPs", "Flops", "flops", "OPS", "OP/s"}) {
    if (ends_with(unit, flops)) return unit.substr(0, unit.size() - std::string_view(flops).size()) + "FLOP/s";
  }
  if (ends_with(unit, "ps")) return unit.substr(0, unit.size() - 2) + "/s";
  return unit;
}

std::optional<std::string> probable_unit(std::string_view found, Dimension dimension) {
  const Units& units = units_of(dimension);
  const std::string usual = usual_spelling(std::string(found));
  if (find_unit(units, usual)) return usual;
  const auto same_letters = std::find_if(units.begin(), units.end(),
                                         [&](const Unit& unit) { return lower_case(unit.name) == lower_case(usual); });
  if (same_letters != units.end()) return same_letters->name;
  return usual.size() < 3 ? std::nullopt : nearest_name(usual, unit_names(dimension));
}

std::optional<Dimension> dimension_of(std::string_view unit) {
  for (const DimensionText& text : kDimensions) {
    if (find_unit(units_of(text.dimension), unit)) return text.dimension;
  }
  return std::nullopt;
}

[[noreturn]] void reject_unit(std::string_view text, std::string_view unit, Dimension dimension) {
  const std::string expected = "expected " + dimension_with_example(dimension);
  if (unit.empty()) throw std::invalid_argument(fmt::format("{} has no unit, {}", in_quotes(text), expected));
  if (const auto other = dimension_of(unit)) {
    throw std::invalid_argument(fmt::format("{} is {}, {}", in_quotes(text), text_of(*other).kind, expected));
  }
  const auto probable = probable_unit(unit, dimension);
  const std::string hint = probable ? fmt::format(", did you mean '{}'?", *probable) : ", " + expected;
  throw std::invalid_argument(fmt::format("unknown unit {}{}", in_quotes(unit), hint));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t digits_from(std::string_view text, std::size_t at) {
  const std::size_t start = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at - start;
}

// Length of `e+12` at `at`; 0 when what follows is not an exponent (it may be a unit, as in `1 EB`).
std::size_t exponent_length(std::string_view text, std::size_t at) {
  if (at >= text.size() || (text[at] != 'e' && text[at] != 'E')) return 0;
  const bool signed_exponent = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-');
  const std::size_t mark = signed_exponent ? 2 : 1;
  const std::size_t digits = digits_from(text, at + mark);
  return digits == 0 ? 0 : mark + digits;
}

// How many characters of `text` are a decimal number; 0 when it does not start with one.
std::size_t number_length(std::string_view text) {
  std::size_t at = !text.empty() && text.front() == '-' ? 1 : 0;
  const std::size_t whole = digits_from(text, at);
  at += whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = digits_from(text, at + 1);
    at += 1 + fraction;
  }
  return whole + fraction == 0 ? 0 : at + exponent_length(text, at);
}

bool has_leading_zero(std::string_view number) {
  const std::string_view digits = number.substr(number.front() == '-' ? 1 : 0);
  return digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]);
}

double converted(std::string_view number) {
  if (has_leading_zero(number)) throw std::invalid_argument(in_quotes(number) + " has a leading zero");
  double value = 0.0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    throw std::invalid_argument(in_quotes(number) + " is outside the range of numbers");
  }
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The largest unit that leaves the value at least 1, else the smallest unit; `units` ascend.
const Unit& readable(const Units& units, double value) {
  const auto larger = std::find_if(units.rbegin(), units.rend(), [&](const Unit& unit) { return value >= unit.si; });
  return larger == units.rend() ? units.front() : *larger;
}

const Unit* whole_binary_unit(const Units& units, double value) {
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    const bool binary_bytes = unit->name.find("iB") != std::string::npos;
    const double multiple = value / unit->si;
    if (binary_bytes && multiple >= 1.0 && multiple < 1024.0 && multiple == std::floor(multiple)) return &*unit;
  }
  return nullptr;
}

Unit readable_unit(Dimension dimension, double value) {
  static const Units descending_rates(rates().rbegin(), rates().rend());
  const Units& units = units_of(dimension);
  if (dimension == Dimension::kRate) return readable(descending_rates, value);
  if (dimension == Dimension::kTime) return readable(units, value);
  const Unit* binary = whole_binary_unit(units, value);
  static const std::size_t decimal = decimal_prefixes().size();
  return binary ? *binary : readable(Units(units.begin(), units.begin() + decimal), value);
}

}  // namespace

std::string si_unit(Dimension dimension) {
  return text_of(dimension).si;
}

std::string dimension_with_example(Dimension dimension) {
  return fmt::format("{} such as {}", text_of(dimension).kind, text_of(dimension).example);
}

std::vector<std::string> unit_names(Dimension dimension) {
  std::vector<std::string> names;
  for (const Unit& unit : units_of(dimension)) names.push_back(unit.name);
  return names;
}

double parse_number(std::string_view text) {
  const std::size_t length = number_length(text);
  if (length == 0 || length != text.size()) throw std::invalid_argument(in_quotes(text) + " is not a number");
  return converted(text);
}

double parse_quantity(std::string_view text, Dimension dimension) {
  text = trimmed(text);
  const std::string_view number = text.substr(0, number_length(text));
  if (number.empty()) {
    throw std::invalid_argument(
        fmt::format("{} is not a quantity, expected {}", in_quotes(text), dimension_with_example(dimension)));
  }
  const std::string_view unit_name = trimmed(text.substr(number.size()));
  const Unit* unit = find_unit(units_of(dimension), unit_name);
  if (!unit) reject_unit(text, unit_name, dimension);
  const double value = converted(number) * unit->si;
  if (!std::isfinite(value)) throw std::invalid_argument(in_quotes(text) + " is outside the range of numbers");
  if (value < 0.0) throw std::invalid_argument(in_quotes(text) + " is negative");
  return value;
}

std::string format_quantity(double value, Dimension dimension) {
  if (!std::isfinite(value)) return fmt::format("{} {}", value, si_unit(dimension));
  if (value == 0.0) return fmt::format("0 {}", units_of(dimension)[dimension == Dimension::kTime ? 3 : 0].name);
  const Unit unit = readable_unit(dimension, std::abs(value));
  return fmt::format("{:.4g} {}", value / unit.si, unit.name);
}

}  // namespace windtunnel::modeling
