// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/read_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

constexpr std::array<const char*, 3> kColumns = {"arrival_s", "prompt_tokens", "output_tokens"};
constexpr double kMostTokensOfOne = 1e9;

std::vector<std::string> cells_of(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  std::vector<std::string> cells(1);
  for (const char letter : line) {
    if (letter == ',')
      cells.emplace_back();
    else if (letter != ' ' && letter != '"')
      cells.back() += letter;
  }
  return cells;
}

std::array<std::size_t, 3> columns_of(const std::string& header, const SourceLocation& at) {
  const std::vector<std::string> names = cells_of(header);
  std::array<std::size_t, 3> columns{};
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const auto found = std::find(names.begin(), names.end(), kColumns[i]);
    if (found == names.end())
      throw SpecError(at, fmt::format("no column '{}', expected arrival_s,prompt_tokens,output_tokens", kColumns[i]));
    columns[i] = static_cast<std::size_t>(found - names.begin());
  }
  return columns;
}

double number_in(const std::vector<std::string>& cells, std::size_t column, double least, const char* name,
                 const SourceLocation& at) {
  double value = NAN;
  if (column < cells.size()) {
    const std::string& text = cells[column];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) value = NAN;
  }
  if (!(value >= least && value <= kMostTokensOfOne))
    throw SpecError(at, fmt::format("{} is '{}', expected a number of at least {}", name,
                                    column < cells.size() ? cells[column] : "", least));
  return value;
}

}  // namespace

std::vector<TracedRequest> read_trace(const std::string& file) {
  std::ifstream stream(file);
  SourceLocation at{.file = file, .line = 1};
  std::string line;
  if (!stream || !std::getline(stream, line)) throw SpecError({.file = file}, "cannot read the trace");
  const auto columns = columns_of(line, at);
  std::vector<TracedRequest> trace;
  while (std::getline(stream, line)) {
    ++at.line;
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() == 1 && cells[0].empty()) continue;
    const double arrival_s = number_in(cells, columns[0], 0.0, kColumns[0], at);
    if (!trace.empty() && arrival_s < trace.back().arrival_s)
      throw SpecError(at, fmt::format("arrival_s goes back from {} to {}", trace.back().arrival_s, arrival_s));
    trace.push_back({arrival_s, std::llround(number_in(cells, columns[1], 1.0, kColumns[1], at)),
                     std::llround(number_in(cells, columns[2], 1.0, kColumns[2], at))});
  }
  if (trace.size() < 2) throw SpecError({.file = file}, "the trace holds fewer than two requests");
  const double start_s = trace.front().arrival_s;
  for (TracedRequest& one : trace) one.arrival_s -= start_s;
  return trace;
}

}  // namespace windtunnel::modeling
