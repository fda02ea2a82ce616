// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/table_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "modeling/report/headline.h"
#include "modeling/report/readable_number.h"

namespace windtunnel::modeling {
namespace {

/// Characters of a bar that stands for the whole.
constexpr int kBarWidth = 40;
constexpr std::size_t kMostLevers = 5;
/// Parts that sum to 1 within this are shares of a whole; well above the rounding of a few dozen additions.
constexpr double kShareSumTolerance = 1e-6;

/// Columns a text takes on the terminal: its code points, since names and units hold no wide characters.
std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

std::string left(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::string right(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(used < width ? width - used : 0, ' ') + std::string(text);
}

std::string heading(const std::string& text, const TableOptions& options) {
  return options.colour ? "\x1b[1m" + text + "\x1b[0m\n" : text + "\n";
}

std::string bar(double share, const TableOptions& options) {
  const auto length = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kBarWidth));
  if (length == 0) return "";
  const std::string plain(length, '#');
  return "  " + (options.colour ? "\x1b[36m" + plain + "\x1b[0m" : plain);
}

/// A row of cells: the first left-aligned, the second right-aligned, the rest as they are.
struct Row {
  std::string name;
  std::string value;
  std::string rest;
};

std::string aligned(const std::vector<Row>& rows) {
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const Row& row : rows) {
    name_width = std::max(name_width, display_width(row.name));
    value_width = std::max(value_width, display_width(row.value));
  }
  std::string text;
  for (const Row& row : rows) {
    text += "  " + left(row.name, name_width) + "  " + right(row.value, value_width) + row.rest + "\n";
  }
  return text;
}

double sum_of_entries(const Breakdown& group) {
  double sum = 0.0;
  for (const Measure& entry : group.entries) sum += entry.value.value_or(NAN);
  return sum;
}

bool are_shares(const Breakdown& group, double sum) {
  const bool none_negative = std::none_of(group.entries.begin(), group.entries.end(),
                                          [](const Measure& entry) { return entry.value.value_or(0.0) < 0.0; });
  return none_negative && std::abs(sum - 1.0) <= kShareSumTolerance;
}

/// Shares are shown in percent; anything else by the unit in the entry's name or else in the group's.
std::string entry_value(const Breakdown& group, const Measure& entry, bool shares) {
  if (shares) return fmt::format("{:.2f} %", 100.0 * *entry.value);
  const bool unit_in_group = group.name.ends_with("_bytes") || group.name.ends_with("_s");
  return readable_number(unit_in_group ? group.name : entry.name, entry.value);
}

std::string breakdown_section(const Breakdown& group, const TableOptions& options) {
  const double sum = sum_of_entries(group);
  const bool shares = are_shares(group, sum);
  const bool parts = shares || group.name.ends_with("_bytes");
  std::vector<Row> rows;
  for (const Measure& entry : group.entries) {
    if (parts && entry.value == 0.0) continue;
    const std::string rest = parts && sum > 0.0 ? bar(*entry.value / sum, options) : "";
    rows.push_back({entry.name, entry_value(group, entry, shares), rest});
  }
  return "\n" + heading(group.name, options) + aligned(rows);
}

std::string measures_section(const Report& report, const TableOptions& options) {
  std::vector<Row> rows;
  for (const Measure& measure : report.measures) {
    rows.push_back({measure.name, readable_number(measure.name, measure.value), ""});
  }
  return "\n" + heading("measures", options) + aligned(rows);
}

/// Rounded up to a power of ten: an order of magnitude is what a reader needs, and it does not change from one machine
/// to the next. The exact number is in the JSON.
std::string below(double value) {
  if (value <= 0.0) return "0";
  return fmt::format("< 1e{:d}", static_cast<int>(std::floor(std::log10(value))) + 1);
}

std::string chain_line(const ChainRecord& chain, std::size_t name_width) {
  const std::string method = chain.method_requested.empty() || chain.method_requested == chain.method_used
                                 ? chain.method_used
                                 : fmt::format("{} (asked: {})", chain.method_used, chain.method_requested);
  std::string line = fmt::format("  {}  {} states, {} transitions, {}", left(chain.name, name_width), chain.states,
                                 chain.transitions, method);
  if (chain.iterations > 0) line += fmt::format(", {} iterations", chain.iterations);
  line += ", residual " + below(chain.residual);
  line += chain.error_bound ? ", error bound " + below(*chain.error_bound) : ", no error bound";
  if (chain.lost_probability > 0.0) line += ", lost probability " + below(chain.lost_probability);
  return line + "\n";
}

std::string chains_section(const Report& report, const TableOptions& options) {
  std::size_t name_width = 0;
  for (const ChainRecord& chain : report.chains) name_width = std::max(name_width, display_width(chain.name));
  std::string text = "\n" + heading("chains", options);
  for (const ChainRecord& chain : report.chains) text += chain_line(chain, name_width);
  return text;
}

/// What would help most, as sentences.
std::string levers_section(const Report& report, const TableOptions& options) {
  const std::vector<Sensitivity> list = headline_sensitivities(report);
  if (list.empty()) return "";
  std::string text = "\n" + heading("what would help most", options);
  for (std::size_t i = 0; i < std::min(kMostLevers, list.size()); ++i)
    text += "  " + sensitivity_sentence(list[i]) + "\n";
  return text;
}

std::string model_section(const ModelRecord& model, const TableOptions& options) {
  std::vector<Row> rows;
  for (const Measure& number : model.numbers)
    if (number.value != 0.0) rows.push_back({number.name, readable_number(number.name, number.value), ""});
  return "\n" + heading("model", options) + aligned(rows) + "  layers: " + model.layers +
         "\n  precision: " + model.precision + "\n";
}

}  // namespace

std::string table_report(const Report& report, const TableOptions& options) {
  std::string text = heading(report.title.empty() ? report.spec_file : report.title, options);
  if (!report.finding.empty()) text += report.finding + "\n";
  if (!report.failure.empty()) text += "no answer: " + report.failure + "\n";
  if (!report.measures.empty()) text += measures_section(report, options);
  for (const Breakdown& group : report.breakdowns) text += breakdown_section(group, options);
  if (report.model) text += model_section(*report.model, options);
  text += levers_section(report, options);
  if (!report.chains.empty()) text += chains_section(report, options);
  return text;
}

}  // namespace windtunnel::modeling
