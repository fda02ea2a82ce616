// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/report/derivation.h"
#include "modeling/report/headline.h"
#include "modeling/report/html_figures.h"
#include "modeling/report/html_page.h"
#include "modeling/report/mathml.h"
#include "modeling/report/readable_number.h"
#include "modeling/report/required_measures.h"
#include "modeling/report/svg_chain.h"
#include "modeling/report/svg_chart.h"

namespace windtunnel::modeling {
namespace {

/// Its numbers, layers and precisions.
std::string model_sentence(const ModelRecord& model) {
  std::string text;
  for (const Measure& number : model.numbers)
    if (number.value != 0.0) text += number.name + " " + readable_number(number.name, number.value) + ", ";
  return text + "layers: " + model.layers + ", precision: " + model.precision;
}

/// A name that may break after its underscores.
std::string breakable(const std::string& name) {
  std::string html;
  for (const char c : html_text(name)) html += c == '_' ? std::string("_<wbr>") : std::string(1, c);
  return html;
}

std::string stack_title(const std::string& group) {
  if (group == "activity" || group == "time") return "Where the time goes";
  if (group == "memory_bytes") return "Where the memory goes";
  if (group == "failures_expected") return "What stops the job";
  return words(group);
}

std::string heading(const std::string& text) {
  return "<h2>" + html_text(text) + "</h2>\n";
}

std::string answer(const Report& report) {
  std::string html = "<h1>" + html_text(report.title.empty() ? report.spec_file : report.title) + "</h1>\n";
  if (!report.finding.empty()) html += "<p class=\"lead\">" + html_text(report.finding) + ".</p>\n";
  if (!report.failure.empty()) html += "<p class=\"warn\"><b>No answer:</b> " + html_text(report.failure) + "</p>\n";
  for (const std::string& warning : report.warnings) html += "<p class=\"warn\">" + html_text(warning) + "</p>\n";
  if (report.model) html += "<p>Model: " + html_text(model_sentence(*report.model)) + "</p>\n";
  html += "<div class=\"tiles\">\n";
  for (const Measure& measure : report.measures) {
    if (!measure.value) continue;
    html += fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>\n",
                        html_text(readable_number(measure.name, measure.value)), breakable(measure.name));
  }
  return html + "</div>\n";
}

std::string breakdowns(const Report& report) {
  std::string html;
  for (const Breakdown& group : report.breakdowns) {
    const std::string stack = html_stack(group);
    if (!stack.empty()) html += heading(stack_title(group.name)) + stack;
  }
  return html;
}

/// Groups that are no parts of a whole: tables.
std::string other_numbers(const Report& report) {
  std::vector<std::vector<std::string>> rows = {{"group", "number", "value"}};
  for (const Breakdown& group : report.breakdowns) {
    if (is_stack(group)) continue;
    const bool unit_in_group = group.name.ends_with("_bytes") || group.name.ends_with("_s");
    for (const Measure& entry : group.entries)
      rows.push_back(
          {words(group.name), entry.name, readable_number(unit_in_group ? group.name : entry.name, entry.value)});
  }
  return rows.size() == 1 ? "" : heading("Other numbers") + html_table(rows);
}

std::string curve_figure(const Curve& curve) {
  const std::string picture = svg_curve(curve);
  if (picture.empty()) return "";
  std::vector<std::vector<std::string>> rows = {{curve.x_name, curve.y_name}};
  const std::size_t step = std::max<std::size_t>(1, curve.points.size() / 40);
  for (std::size_t i = 0; i < curve.points.size(); i += step)
    rows.push_back({fmt::format("{:.6g}", curve.points[i].first), fmt::format("{:.6g}", curve.points[i].second)});
  return "<figure><figcaption>" + html_text(curve.title) + "</figcaption>" + picture +
         "<details><summary>numbers</summary>" + html_table(rows) + "</details></figure>\n";
}

/// Probability of each count, up to where nothing is left to see.
Curve law_curve(const ChainRecord& chain) {
  Curve curve{"law", chain.purpose, "number", "probability", true, {}};
  double most = 0.0;
  for (const double p : chain.law) most = std::max(most, p);
  std::size_t last = chain.law.size();
  while (last > 1 && chain.law[last - 1] < 1e-4 * most) --last;
  for (std::size_t n = 0; n < last; ++n) curve.points.emplace_back(static_cast<double>(n), chain.law[n]);
  return curve;
}

/// What the percentile measures say of one time: `ttft_p50_s`, `ttft_p90_s` ...
Curve percentile_curve(const Report& report, const std::string& time) {
  Curve curve{time, "P(" + words(time) + " <= t), at its percentiles", time + "_s", "probability", false, {}};
  for (const int percent : {50, 90, 95, 99}) {
    const auto value = find_measure(report, fmt::format("{}_p{}_s", time, percent));
    if (value && std::isfinite(*value)) curve.points.emplace_back(*value, percent / 100.0);
  }
  return curve;
}

std::string curves(const Report& report) {
  std::string figures;
  for (const ChainRecord& chain : report.chains) figures += curve_figure(law_curve(chain));
  // A law that the study gives itself says more than its percentiles.
  const auto has_own = [&](const std::string& time) {
    return std::any_of(report.curves.begin(), report.curves.end(),
                       [&](const Curve& curve) { return curve.x_name == time + "_s"; });
  };
  for (const char* time : {"step_time", "ttft", "tpot", "e2e", "time_to_train"})
    if (!has_own(time)) figures += curve_figure(percentile_curve(report, time));
  for (const Curve& curve : report.curves) figures += curve_figure(curve);
  return figures.empty() ? "" : heading("How it varies") + "<div class=\"figures\">\n" + figures + "</div>\n";
}

std::string chain_facts(const ChainRecord& chain) {
  std::string facts = fmt::format("{} states, {} transitions, {}, residual {:.1e}", chain.states, chain.transitions,
                                  chain.method_used, chain.residual);
  facts += chain.error_bound ? fmt::format(", error at most {:.1e}", *chain.error_bound) : ", no proven bound";
  if (chain.lost_probability > 0.0) facts += fmt::format(", probability left out {:.1e}", chain.lost_probability);
  return facts;
}

std::string chain_figure(const ChainRecord& chain) {
  std::string html = "<figure><figcaption>" + html_text(chain.name) + "</figcaption><p class=\"soft\">" +
                     html_text(chain.purpose) + "</p>" + svg_chain(chain) + "<p><small>" +
                     html_text(chain_facts(chain)) + "</small></p>";
  std::vector<std::vector<std::string>> rows = {{"state", "probability"}};
  for (const Measure& state : chain.state_probabilities)
    rows.push_back({state.name, fmt::format("{:.6g}", state.value.value_or(0.0))});
  if (rows.size() > 1) html += "<details><summary>states</summary>" + html_table(rows) + "</details>";
  return html + "</figure>\n";
}

std::string chains(const Report& report) {
  if (report.chains.empty()) return "";
  std::string figures;
  for (const ChainRecord& chain : report.chains) figures += chain_figure(chain);
  return heading("The chains behind it") + "<div class=\"figures\">\n" + figures + "</div>\n";
}

std::string levers(const Report& report) {
  const std::string tornado = html_tornado(report);
  if (tornado.empty()) return "";
  std::vector<std::vector<std::string>> rows = {{"input", "elasticity", "in words"}};
  for (const Sensitivity& one : headline_sensitivities(report))
    rows.push_back({one.path, fmt::format("{:+.4f}", *one.elasticity), sensitivity_sentence(one)});
  return heading("What moves it") + "<p class=\"soft\">Change of " + html_text(headline_measure(report)) +
         " with 10 % more of each input; green is good.</p>\n" + tornado + "<details><summary>numbers</summary>" +
         html_table(rows) + "</details>\n";
}

std::string assumptions(const Report& report) {
  if (report.assumptions.empty()) return "";
  std::vector<std::vector<std::string>> rows = {{"input", "value", "unit", "evidence", "source"}};
  for (const Assumption& one : report.assumptions)
    rows.push_back({one.name, fmt::format("{:.6g}", one.value), one.unit, one.evidence, one.source});
  return heading("What it rests on") +
         "<p class=\"soft\">Evidence: measured, datasheet, derived (from the two), assumed.</p>\n" + html_table(rows);
}

std::string section_html(const DerivationSection& section, int number) {
  std::string html = heading(fmt::format("{}. {}", number, section.title));
  for (const std::string& paragraph : section.paragraphs) html += "<p>" + html_text(paragraph) + "</p>\n";
  for (const auto& equation : section.equations)
    html += "<div class=\"eq\">" + (equation.latex.empty() ? "" : mathml(equation.latex)) + "<code>" +
            html_text(equation.text) + "</code></div>\n";
  return html + html_table(section.rows);
}

}  // namespace

std::string html_report(const Report& report, const std::string& version) {
  return html_page(report.title.empty() ? report.spec_file : report.title,
                   answer(report) + breakdowns(report) + curves(report) + levers(report) + chains(report) +
                       other_numbers(report) + assumptions(report) + "<p><small>windtunnel " + html_text(version) +
                       ", " + html_text(report.spec_file) + "</small></p>\n");
}

std::string derivation_html(const Report& report) {
  const std::string title = report.title.empty() ? report.spec_file : report.title;
  std::string body = "<h1>" + html_text(title) + "</h1>\n";
  int number = 0;
  for (const DerivationSection& section : whole_derivation(report)) {
    body += section_html(section, ++number);
    for (const ChainRecord& chain : report.chains) {
      if (section.title == "Chain: " + chain.name) body += svg_chain(chain);
    }
  }
  return html_page(title, body);
}

}  // namespace windtunnel::modeling
