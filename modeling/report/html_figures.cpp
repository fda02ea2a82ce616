// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/html_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/report/headline.h"
#include "modeling/report/html_page.h"
#include "modeling/report/readable_number.h"

namespace windtunnel::modeling {
namespace {

constexpr int kColours = 12;
/// Shares that sum to 1 within this are a whole; far above the rounding of a few dozen additions.
constexpr double kShareTolerance = 1e-6;

double sum_of(const Breakdown& group) {
  double sum = 0.0;
  for (const Measure& entry : group.entries) sum += entry.value.value_or(0.0);
  return sum;
}

struct Part {
  std::string name;
  double value = 0.0;
  int colour = 0;
};

/// Largest first; the colour follows the name's place in the group, so that it is the same in every report.
std::vector<Part> parts_of(const Breakdown& group) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < group.entries.size(); ++i) {
    const double value = group.entries[i].value.value_or(0.0);
    if (value > 0.0) parts.push_back({group.entries[i].name, value, static_cast<int>(i) % kColours});
  }
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.value > b.value; });
  return parts;
}

}  // namespace

bool is_stack(const Breakdown& group) {
  const bool negative = std::any_of(group.entries.begin(), group.entries.end(),
                                    [](const Measure& entry) { return !(entry.value.value_or(0.0) >= 0.0); });
  if (negative || group.entries.size() < 2 || !(sum_of(group) > 0.0)) return false;
  return std::abs(sum_of(group) - 1.0) <= kShareTolerance || group.name.ends_with("_bytes") ||
         group.name.ends_with("failures_expected");
}

std::string html_stack(const Breakdown& group) {
  if (!is_stack(group)) return "";
  const double sum = sum_of(group);
  const bool shares = std::abs(sum - 1.0) <= kShareTolerance;
  std::string bar;
  std::string legend;
  for (const Part& part : parts_of(group)) {
    const std::string value =
        shares ? fmt::format("{:.2f} %", 100.0 * part.value) : readable_number(group.name, part.value);
    const std::string colour = fmt::format("background:var(--p{})", part.colour);
    bar += fmt::format("<i style=\"width:{:.3f}%;{}\" title=\"{}: {}\"></i>", 100.0 * part.value / sum, colour,
                       html_text(words(part.name)), html_text(value));
    legend += fmt::format("<li><i style=\"{}\"></i>{}<b>{}</b></li>\n", colour, html_text(words(part.name)),
                          html_text(value));
  }
  return "<div class=\"stack\" role=\"img\" aria-label=\"" + html_text(words(group.name)) + "\">" + bar +
         "</div>\n<ul class=\"parts\">\n" + legend + "</ul>\n";
}

std::string html_tornado(const Report& report, std::size_t most) {
  std::vector<Sensitivity> list = headline_sensitivities(report);
  if (list.empty()) return "";
  list.resize(std::min(list.size(), most));
  double largest = 0.0;
  for (const Sensitivity& one : list) largest = std::max(largest, std::abs(relative_effect(one, 0.1)));
  std::string html = "<div class=\"tornado\">\n";
  for (const Sensitivity& one : list) {
    const double effect = relative_effect(one, 0.1);
    const bool good = (effect > 0.0) != smaller_is_better(one.measure);
    const std::string bar = fmt::format("<i class=\"{}\" style=\"width:{:.2f}%\"></i>", good ? "up" : "down",
                                        100.0 * std::abs(effect) / largest);
    html += fmt::format(
        "<span>{}</span><div class=\"bar\" title=\"{}\"><div class=\"minus\">{}</div><div>{}</div></div><b>{:+.2g} "
        "%</b>\n",
        html_text(one.path), html_text(sensitivity_sentence(one)), effect < 0.0 ? bar : "", effect < 0.0 ? "" : bar,
        100.0 * effect);
  }
  return html + "</div>\n";
}

}  // namespace windtunnel::modeling
