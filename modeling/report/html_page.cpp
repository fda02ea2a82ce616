// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/html_page.h"

#include <algorithm>

namespace windtunnel::modeling {
namespace {

// Colours of the parts: eight hues that people with any colour vision tell apart (Okabe, Ito, 2008), then four greys.
constexpr std::string_view kStyle = R"(
:root { --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --paper: #ffffff; --card: #f6f8fa; --accent: #0969da; --bad: #c2410c; --good: #1a7f37;
  --p0: #0072b2; --p1: #56b4e9; --p2: #e69f00; --p3: #d55e00; --p4: #cc79a7; --p5: #f0e442; --p6: #009e73; --p7: #7b68c8; --p8: #8c959f; --p9: #b6bec6; --p10: #6e7781; --p11: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --paper: #0d1117; --card: #151b23; --accent: #4493f8; --bad: #fb923c; --good: #3fb950; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 8px; } h2 { font-size: 1.1rem; margin: 36px 0 10px; padding-top: 10px; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 18px 0 6px; } p { margin: 6px 0; } small, .soft { color: var(--soft); }
.lead { font-size: 1.05rem; } .warn { border-left: 4px solid var(--bad); padding: 4px 12px; margin: 8px 0; background: var(--card); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 16px 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; }
.tile b { display: block; font-size: 1.3rem; line-height: 1.3; } .tile span { color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
.stack { display: flex; height: 30px; border-radius: 6px; overflow: hidden; border: 1px solid var(--line); margin: 8px 0; }
.stack i { display: block; height: 100%; }
.parts { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 2px 18px; margin: 0; padding: 0; list-style: none; }
.parts li { display: flex; align-items: center; gap: 8px; border-bottom: 1px dotted var(--line); padding: 2px 0; }
.parts i { width: 12px; height: 12px; border-radius: 3px; flex: none; } .parts b { margin-left: auto; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 18px; }
figure { margin: 0; break-inside: avoid; min-width: 0; } figcaption { font-weight: 600; margin-bottom: 4px; } svg { width: 100%; height: auto; display: block; max-width: 640px; }
svg text { fill: var(--ink); font: 13px system-ui, "DejaVu Sans", sans-serif; } svg text.s { fill: var(--soft); font-size: 12px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.axis { stroke: var(--soft); fill: none; } .grid { stroke: var(--line); fill: none; } .curve { stroke: var(--accent); stroke-width: 2.2; fill: none; } .fill { fill: var(--accent); }
.node { stroke: var(--ink); stroke-width: 1.2; } .arrow { stroke: var(--soft); fill: none; stroke-width: 1.2; } .head { fill: var(--soft); }
.tornado { display: grid; grid-template-columns: minmax(90px, 250px) 1fr max-content; gap: 4px 10px; align-items: center; font-size: .85rem; }
.tornado > span { overflow-wrap: anywhere; text-align: right; } .tornado > b { font-weight: 600; white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: flex; height: 18px; background: linear-gradient(var(--line), var(--line)) center/1px 100% no-repeat; } .bar > * { width: 50%; display: flex; }
.bar .minus { justify-content: flex-end; } .bar i { height: 100%; } .up { background: var(--p6); } .down { background: var(--p3); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; min-width: 60%; } th, td { text-align: left; padding: 3px 12px 3px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: 10px 0; } summary { cursor: pointer; color: var(--accent); } code, pre { font: .85em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.eq { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 8px 12px; margin: 8px 0; overflow-x: auto; } math { font-size: 1.15em; }
.tag { font-size: .75rem; padding: 0 7px; border-radius: 9px; border: 1px solid var(--line); white-space: nowrap; }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --card: #fff; --accent: #04539e; } main { max-width: none; padding: 0; } body { font-size: 11pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } h2 { break-after: avoid; } .scroll { overflow: visible; } tr, .tile { break-inside: avoid; } }
)";

bool is_numeric(const std::string& cell) {
  return cell.find_first_of("0123456789") != std::string::npos &&
         cell.find_first_not_of("0123456789.+-e ") == std::string::npos;
}

std::vector<bool> numeric_columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<bool> numeric(rows.empty() ? 0 : rows.front().size(), rows.size() > 1);
  for (std::size_t row = 1; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < std::min(numeric.size(), rows[row].size()); ++column) {
      const std::string& cell = rows[row][column];
      if (column == 0 || (!cell.empty() && !is_numeric(cell))) numeric[column] = false;
    }
  }
  return numeric;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&') {
      safe += "&amp;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else if (c == '"') {
      safe += "&quot;";
    } else if (c == '\'') {
      safe += "&#39;";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      safe += c;
    }
  }
  return safe;
}

std::string html_page(const std::string& title, const std::string& body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
         html_text(title) + "</title>\n<style>" + std::string(kStyle) + "</style></head>\n<body><main>\n" + body +
         "</main></body></html>\n";
}

std::string html_table(const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  const std::vector<bool> numeric = numeric_columns(rows);
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table>\n";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    html += "<tr>";
    for (std::size_t column = 0; column < rows[row].size(); ++column) {
      const std::string tag = row == 0 ? "th" : "td";
      const bool right = column < numeric.size() && numeric[column];
      html += "<" + tag + (right ? " class=\"n\"" : "") + (row == 0 ? " scope=\"col\"" : "") + ">" +
              html_text(rows[row][column]) + "</" + tag + ">";
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

}  // namespace windtunnel::modeling
