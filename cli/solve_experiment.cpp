// SPDX-License-Identifier: Apache-2.0
#include "cli/solve_experiment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>

#include "solvers/numerics/input_error.h"

namespace windtunnel::cli {
namespace {

constexpr double kMostPoints = 1e6;

[[noreturn]] void fail(const std::string& message) {
  throw solvers::InputError("--const", {}, message);
}

/// At commas and colons outside brackets.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == separator && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

double number(const std::string& name, const std::string& text) {
  const std::string digits = trimmed(text);
  double value = 0.0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value))
    fail(fmt::format("range of '{}': found '{}', expected a number", name, digits));
  return value;
}

bool is_whole(const std::string& text) {
  return text.find_first_of(".eE") == std::string::npos;
}

std::vector<std::string> values_of(const std::string& name, const std::vector<std::string>& parts) {
  if (parts.size() > 3) fail(fmt::format("range of '{}' has {} parts, expected LOW:STEP:HIGH", name, parts.size()));
  const double low = number(name, parts.front());
  const double high = number(name, parts.back());
  const double step = parts.size() == 3 ? number(name, parts[1]) : 1.0;
  if (!(step > 0.0)) fail(fmt::format("range of '{}' has step {:g}, expected one above 0", name, step));
  if (high < low) fail(fmt::format("range of '{}' ends at {:g}, below its start {:g}", name, high, low));
  // A step that does not quite fit in floating point still reaches the end.
  const double steps = std::floor((high - low) / step * (1.0 + 1e-12) + 1e-12);
  if (steps >= kMostPoints)
    fail(fmt::format("range of '{}' has {:.3g} points, expected at most {:.0g}", name, steps + 1.0, kMostPoints));
  bool whole = true;
  for (const std::string& part : parts) whole = whole && is_whole(part);
  std::vector<std::string> values;
  for (double k = 0.0; k <= steps; k += 1.0)
    values.push_back(whole ? fmt::format("{:.0f}", low + k * step) : fmt::format("{:.15g}", low + k * step));
  return values;
}

}  // namespace

Experiment::Experiment(const std::string& constants) {
  for (const std::string& one : split(constants, ',')) {
    const auto equals = one.find('=');
    const std::vector<std::string> parts =
        equals == std::string::npos ? std::vector<std::string>{} : split(one.substr(equals + 1), ':');
    if (parts.size() < 2) {
      if (!trimmed(one).empty()) fixed_.push_back(one);
      continue;
    }
    const std::string name = trimmed(one.substr(0, equals));
    ranges_.push_back({name, values_of(name, parts)});
  }
  double points = 1.0;
  for (const Range& range : ranges_) points *= static_cast<double>(range.values.size());
  if (points > kMostPoints)
    fail(fmt::format("the ranges make {:.3g} points, expected at most {:.0g}", points, kMostPoints));
}

std::vector<std::string> Experiment::names() const {
  std::vector<std::string> all;
  for (const Range& range : ranges_) all.push_back(range.name);
  return all;
}

std::size_t Experiment::size() const {
  std::size_t points = 1;
  for (const Range& range : ranges_) points *= range.values.size();
  return points;
}

std::vector<std::string> Experiment::values(std::size_t point) const {
  std::vector<std::string> at(ranges_.size());
  for (std::size_t k = ranges_.size(); k-- > 0;) {
    at[k] = ranges_[k].values[point % ranges_[k].values.size()];
    point /= ranges_[k].values.size();
  }
  return at;
}

std::string Experiment::constants(std::size_t point) const {
  std::vector<std::string> all = fixed_;
  const std::vector<std::string> at = values(point);
  for (std::size_t k = 0; k < ranges_.size(); ++k) all.push_back(ranges_[k].name + "=" + at[k]);
  return fmt::format("{}", fmt::join(all, ","));
}

}  // namespace windtunnel::cli
