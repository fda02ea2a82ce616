// SPDX-License-Identifier: Apache-2.0
// A derivation as text, markdown and Graphviz; the page is in derivation_html.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "modeling/report/derivation.h"

namespace windtunnel::modeling {
namespace {

/// Columns of a terminal when nobody says otherwise.
constexpr std::size_t kWidth = 100;

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string wrapped(const std::string& text, const std::string& indent) {
  std::string out;
  std::string line = indent;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    begin = end + 1;
    if (display_width(line) + 1 + display_width(word) > kWidth && line != indent) {
      out += line + "\n";
      line = indent;
    }
    line += (line == indent ? "" : " ") + word;
  }
  return out + line + "\n";
}

std::string text_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - display_width(row[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string section_text(const DerivationSection& section, int number) {
  const std::string title = fmt::format("{}. {}", number, section.title);
  std::string text = title + "\n" + std::string(display_width(title), '-') + "\n";
  for (const std::string& paragraph : section.paragraphs) text += wrapped(paragraph, "");
  if (!section.equations.empty()) text += "\n";
  for (const auto& equation : section.equations) text += wrapped(equation.text, "    ");
  if (!section.rows.empty()) text += "\n" + text_table(section.rows);
  return text;
}

std::string escaped_cell(const std::string& cell) {
  std::string text;
  for (const char c : cell) {
    if (c == '|' || c == '*' || c == '_' || c == '\\' || c == '<') text += '\\';
    text += c;
  }
  return text;
}

std::string markdown_table(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += "|";
    for (const std::string& cell : rows[i]) text += " " + escaped_cell(cell) + " |";
    text += "\n";
    if (i > 0) continue;
    text += "|";
    for (std::size_t column = 0; column < rows[i].size(); ++column) text += " --- |";
    text += "\n";
  }
  return text;
}

std::string section_markdown(const DerivationSection& section, int number) {
  std::string text = fmt::format("## {}. {}\n\n", number, escaped_cell(section.title));
  for (const std::string& paragraph : section.paragraphs) text += escaped_cell(paragraph) + "\n\n";
  for (const auto& equation : section.equations) {
    if (!equation.latex.empty()) text += "$$" + equation.latex + "$$\n\n";
    text += "`" + equation.text + "`\n\n";
  }
  return section.rows.empty() ? text : text + markdown_table(section.rows) + "\n";
}

std::string dot_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string chain_dot(const ChainRecord& chain, std::size_t number) {
  std::string dot =
      fmt::format("  subgraph cluster_{} {{\n    label={};\n", number, dot_text(chain.name + ": " + chain.purpose));
  for (std::size_t i = 0; i < chain.state_probabilities.size(); ++i) {
    const Measure& state = chain.state_probabilities[i];
    const double probability = state.value.value_or(0.0);
    // The label's line break is Graphviz's own, so it is added after quoting.
    std::string label = dot_text(state.name);
    label.insert(label.size() - 1, fmt::format("\\n{:.4g}", probability));
    dot += fmt::format("    c{}_{} [label={}, style=filled, fillcolor=\"0.6 {:.2f} 1\"];\n", number, i, label,
                       0.6 * probability);
  }
  for (const ChainArrow& arrow : chain.arrows)
    dot += fmt::format("    c{0}_{1} -> c{0}_{2} [label=\"{3:.4g} /s\"];\n", number, arrow.from, arrow.to,
                       arrow.rate_per_s);
  if (chain.state_probabilities.empty())
    dot += fmt::format("    c{}_0 [shape=box, label=\"{} states, {} transitions\"];\n", number, chain.states,
                       chain.transitions);
  return dot + "  }\n";
}

}  // namespace

std::string derivation_text(const Report& report) {
  std::string text;
  int number = 0;
  for (const DerivationSection& section : whole_derivation(report))
    text += (text.empty() ? "" : "\n") + section_text(section, ++number);
  return text;
}

std::string derivation_markdown(const Report& report) {
  std::string text = "# " + escaped_cell(report.title.empty() ? report.spec_file : report.title) + "\n\n";
  int number = 0;
  for (const DerivationSection& section : whole_derivation(report)) text += section_markdown(section, ++number);
  return text;
}

std::string derivation_dot(const Report& report) {
  std::string dot =
      "digraph windtunnel {\n  compound=true;\n  node [shape=ellipse, fontname=\"sans-serif\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=10];\n  label=" +
      dot_text(report.title) + ";\n";
  for (std::size_t i = 0; i < report.chains.size(); ++i) dot += chain_dot(report.chains[i], i);
  return dot + "}\n";
}

}  // namespace windtunnel::modeling
