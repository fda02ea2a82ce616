// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/sweep_axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "modeling/spec/nearest_name.h"
#include "modeling/spec/quantity.h"

namespace windtunnel::modeling {
namespace {

constexpr std::array<Dimension, 7> kAllDimensions = {
    Dimension::kTime, Dimension::kBytes, Dimension::kBytesPerSecond, Dimension::kFlopPerSecond,
    Dimension::kFlop, Dimension::kRate,  Dimension::kPower};
constexpr std::string_view kExpected = "expected a number or lo..hi:step or log(lo..hi:n)";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// At commas outside of brackets and quotes.
std::vector<std::string_view> items_of(std::string_view text) {
  std::vector<std::string_view> items;
  int depth = 0;
  char quote = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '"' || c == '\'') quote = c;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (c != ',' || depth > 0) continue;
    items.push_back(trimmed(text.substr(begin, i - begin)));
    begin = i + 1;
  }
  items.push_back(trimmed(text.substr(begin)));
  return items;
}

struct Number {
  double value = 0.0;
  std::string unit;
};

Number parse_end(std::string_view text, std::string_view item) {
  text = trimmed(text);
  std::size_t digits = text.find_first_not_of("0123456789.+-");
  // The exponent of 1e9, but not the unit E of `1 EB`.
  if (digits != std::string_view::npos && (text[digits] == 'e' || text[digits] == 'E') && digits > 0)
    digits = text.find_first_not_of("0123456789.+-", digits + 1);
  const std::string_view number = text.substr(0, digits);
  try {
    return {parse_number(trimmed(number)),
            digits == std::string_view::npos ? "" : std::string(trimmed(text.substr(digits)))};
  } catch (const std::invalid_argument& error) {
    throw AxisError(fmt::format("{} in {}, {}", error.what(), in_quotes(item), kExpected));
  }
}

/// How many of `to` make one of `from`; units of one dimension.
double conversion(const std::string& from, const std::string& to, std::string_view item) {
  if (from == to) return 1.0;
  for (const Dimension dimension : kAllDimensions) {
    try {
      return parse_quantity("1 " + from, dimension) / parse_quantity("1 " + to, dimension);
    } catch (const std::invalid_argument&) {
      continue;  // not units of this dimension
    }
  }
  throw AxisError(fmt::format("units '{}' and '{}' in {} do not go together", from, to, in_quotes(item)));
}

struct Range {
  double low = 0.0;
  double high = 0.0;
  /// Step, or number of values for log.
  std::optional<double> third;
  std::string unit;
};

/// `A..B` or `A..B:C`, all in the unit of the first that has one; `outer_unit`: of `log(1..9:3) Gb/s`.
Range parse_range(std::string_view text, std::string_view outer_unit, bool third_is_count, std::string_view item) {
  const std::size_t dots = text.find("..");
  const std::size_t colon = text.find(':', dots + 2);
  const Number low = parse_end(text.substr(0, dots), item);
  const std::size_t length = colon == std::string_view::npos ? colon : colon - dots - 2;
  const Number high = parse_end(text.substr(dots + 2, length), item);
  Range range;
  std::optional<Number> third;
  if (colon != std::string_view::npos) third = parse_end(text.substr(colon + 1), item);
  range.unit = low.unit;
  for (const std::string& unit : {high.unit, third ? third->unit : std::string(), std::string(outer_unit)}) {
    if (range.unit.empty()) range.unit = unit;
  }
  const auto in_unit = [&](const Number& number) {
    return number.unit.empty() ? number.value : number.value * conversion(number.unit, range.unit, item);
  };
  range.low = in_unit(low);
  range.high = in_unit(high);
  if (third) range.third = third_is_count ? third->value : in_unit(*third);
  return range;
}

/// 12 digits: what a person typed survives, the rounding of lo + i * step does not.
std::string value_text(double value, const std::string& unit) {
  const std::string number = fmt::format("{:.12g}", value);
  return unit.empty() ? number : number + " " + unit;
}

std::vector<std::string> linear(const Range& range, std::string_view item) {
  const double step = range.third.value_or(range.high >= range.low ? 1.0 : -1.0);
  const double steps = (range.high - range.low) / step;
  if (!(steps >= 0.0) || step == 0.0)
    throw AxisError(fmt::format("step {} of {} never arrives", step, in_quotes(item)));
  if (steps >= kMostAxisValues)
    throw AxisError(fmt::format("{} has more than {} values", in_quotes(item), kMostAxisValues));
  std::vector<std::string> values;
  // A millionth of a step: far above the rounding of the division, far below a step that was meant.
  const int last = static_cast<int>(std::floor(steps + 1e-6));
  for (int i = 0; i <= last; ++i) values.push_back(value_text(range.low + i * step, range.unit));
  return values;
}

std::vector<std::string> logarithmic(const Range& range, std::string_view item) {
  if (!range.third || *range.third < 2.0 || *range.third != std::floor(*range.third) || *range.third > kMostAxisValues)
    throw AxisError(fmt::format("{} needs a number of values of 2 or more, expected log(lo..hi:n)", in_quotes(item)));
  if (!(range.low > 0.0) || !(range.high > 0.0)) throw AxisError(fmt::format("{} needs ends above 0", in_quotes(item)));
  const int count = static_cast<int>(*range.third);
  std::vector<std::string> values;
  for (int i = 0; i < count; ++i) {
    const double value = range.low * std::pow(range.high / range.low, static_cast<double>(i) / (count - 1));
    values.push_back(value_text(value, range.unit));
  }
  return values;
}

bool looks_like_range(std::string_view item) {
  const bool numeric = !item.empty() && item.find_first_of("0123456789.+-") == 0;
  return numeric && item.find("..") != std::string_view::npos;
}

std::vector<std::string> values_of(std::string_view item) {
  if (item.starts_with("log(")) {
    const std::size_t close = item.find(')');
    if (close == std::string_view::npos || item.find("..") == std::string_view::npos)
      throw AxisError(fmt::format("cannot read {}, expected log(lo..hi:n)", in_quotes(item)));
    return logarithmic(parse_range(item.substr(4, close - 4), trimmed(item.substr(close + 1)), true, item), item);
  }
  if (looks_like_range(item)) return linear(parse_range(item, "", false, item), item);
  if (item.empty()) throw AxisError("an empty value between commas");
  return {std::string(item)};
}

/// The unit of `900 GB/s`; empty for anything that is no number with a known unit.
std::string unit_of(const std::string& value) {
  const std::size_t digits = value.find_first_not_of("0123456789.+-eE ");
  if (digits == std::string::npos || digits == 0) return "";
  const std::string unit = value.substr(digits);
  for (const Dimension dimension : kAllDimensions) {
    const std::vector<std::string> names = unit_names(dimension);
    if (std::find(names.begin(), names.end(), unit) != names.end()) return unit;
  }
  return "";
}

bool is_bare_number(const std::string& value) {
  try {
    parse_number(value);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

/// `450,900 GB/s`: who writes one unit means it for all, as in a range.
void share_unit(std::vector<std::string>& values) {
  std::string unit;
  for (const std::string& value : values) unit = unit.empty() ? unit_of(value) : unit;
  if (unit.empty()) return;
  for (std::string& value : values) {
    if (is_bare_number(value)) value += " " + unit;
  }
}

}  // namespace

SweepAxis parse_sweep_axis(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    throw AxisError(
        fmt::format("found {}, expected path.to.key=VALUES with VALUES like 1,2,4 or lo..hi:step or "
                    "log(lo..hi:n)",
                    in_quotes(text)));
  SweepAxis axis{.path = std::string(trimmed(text.substr(0, equals)))};
  for (const std::string_view item : items_of(text.substr(equals + 1))) {
    for (std::string& value : values_of(item)) axis.values.push_back(std::move(value));
  }
  share_unit(axis.values);
  return axis;
}

}  // namespace windtunnel::modeling
