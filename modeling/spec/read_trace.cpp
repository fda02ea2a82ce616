// SPDX-License-Identifier: Apache-2.0
#include "modeling/spec/read_trace.h"

#include <fmt/format.h>

#include <cmath>

#include "modeling/spec/csv_table.h"

namespace windtunnel::modeling {

namespace {

constexpr double kMostTokensOfOne = 1e9;
/// Seconds, also those since 1970.
constexpr double kLatestArrival_s = 1e12;

TracedRequest request_in(const CsvTable& table, std::size_t row) {
  return {table.number(row, "arrival_s", 0.0, kLatestArrival_s),
          std::llround(table.number(row, "prompt_tokens", 1.0, kMostTokensOfOne)),
          std::llround(table.number(row, "output_tokens", 1.0, kMostTokensOfOne))};
}

void require_columns(const CsvTable& table) {
  for (const char* column : {"arrival_s", "prompt_tokens", "output_tokens"}) {
    if (!table.has(column))
      throw SpecError({table.file(), 1, 1},
                      fmt::format("no column '{}', expected arrival_s,prompt_tokens,output_tokens", column));
  }
}

}  // namespace

std::vector<TracedRequest> read_trace(const std::string& file) {
  const CsvTable table = CsvTable::load(file);
  require_columns(table);
  std::vector<TracedRequest> trace;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    trace.push_back(request_in(table, row));
    if (row > 0 && trace[row].arrival_s < trace[row - 1].arrival_s)
      throw SpecError(table.location(row, "arrival_s"),
                      fmt::format("arrival_s goes back from {} to {}", trace[row - 1].arrival_s, trace[row].arrival_s));
  }
  if (trace.size() < 2) throw SpecError({.file = file}, "the trace holds fewer than two requests");
  const double start_s = trace.front().arrival_s;
  for (TracedRequest& one : trace) one.arrival_s -= start_s;
  return trace;
}

}  // namespace windtunnel::modeling
