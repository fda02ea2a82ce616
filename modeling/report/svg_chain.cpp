// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/svg_chain.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "modeling/report/chain_summary.h"
#include "modeling/report/html_page.h"

namespace windtunnel::modeling {
namespace {

constexpr double kChainWidth = 480.0;
constexpr double kRadius = 30.0;
/// With more arrows than this only the tooltips carry the rates.
constexpr std::size_t kMostLabels = 8;

struct Point {
  double x = 0.0;
  double y = 0.0;
};

struct Layout {
  double height = 0.0;
  std::vector<Point> states;
};

/// Clockwise from the top; two states side by side; room for the names outside.
Layout layout_of(std::size_t count) {
  Layout layout;
  const double ring = count <= 2 ? 120.0 : std::min(165.0, 70.0 + 14.0 * static_cast<double>(count));
  layout.height = count <= 2 ? 150.0 : 2.0 * ring + 100.0;
  const double start = count <= 2 ? std::numbers::pi : -std::numbers::pi / 2.0;
  for (std::size_t i = 0; i < count; ++i) {
    const double angle = start + 2.0 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(count);
    layout.states.push_back({kChainWidth / 2.0 + ring * std::cos(angle), layout.height / 2.0 + ring * std::sin(angle)});
  }
  return layout;
}

/// A bent line from rim to rim; bending to the right of its direction keeps a pair of opposite arrows apart.
std::string arrow_path(const Point& from, const Point& to, Point& label) {
  const double dx = to.x - from.x;
  const double dy = to.y - from.y;
  const double length = std::hypot(dx, dy);
  const Point along{dx / length, dy / length};
  const Point right{-along.y, along.x};
  const double bend = 0.14 * length;
  const Point control{(from.x + to.x) / 2.0 + bend * right.x, (from.y + to.y) / 2.0 + bend * right.y};
  const auto rim = [&](const Point& state) {
    const double cx = control.x - state.x;
    const double cy = control.y - state.y;
    const double distance = std::hypot(cx, cy);
    return Point{state.x + (kRadius + 3.0) * cx / distance, state.y + (kRadius + 3.0) * cy / distance};
  };
  const Point begin = rim(from);
  const Point end = rim(to);
  label = {0.25 * begin.x + 0.5 * control.x + 0.25 * end.x, 0.25 * begin.y + 0.5 * control.y + 0.25 * end.y};
  return fmt::format("M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}", begin.x, begin.y, control.x, control.y, end.x,
                     end.y);
}

std::string arrows(const ChainRecord& chain, const Layout& layout) {
  std::string lines;
  std::string labels;
  for (const ChainArrow& arrow : chain.arrows) {
    if (arrow.from == arrow.to) continue;
    Point at;
    const Point& from = layout.states[static_cast<std::size_t>(arrow.from)];
    const Point& to = layout.states[static_cast<std::size_t>(arrow.to)];
    lines += fmt::format(
        "<path class=\"arrow\" marker-end=\"url(#head)\" d=\"{}\"><title>{} to {}: {:.4g} /s</title></path>",
        arrow_path(from, to, at), html_text(chain.state_probabilities[static_cast<std::size_t>(arrow.from)].name),
        html_text(chain.state_probabilities[static_cast<std::size_t>(arrow.to)].name), arrow.rate_per_s);
    if (chain.arrows.size() <= kMostLabels)
      labels += fmt::format("<text class=\"s\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.3g} /s</text>", at.x,
                            at.y, arrow.rate_per_s);
  }
  return lines + labels;
}

std::string states(const ChainRecord& chain, const Layout& layout) {
  std::string svg;
  for (std::size_t i = 0; i < layout.states.size(); ++i) {
    const Measure& state = chain.state_probabilities[i];
    const double probability = state.value.value_or(0.0);
    const Point& at = layout.states[i];
    const bool below = at.y >= layout.height / 2.0;
    svg += fmt::format(
        "<circle cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"{2}\" fill=\"var(--paper)\"/><circle class=\"node\" "
        "cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"{2}\" fill=\"var(--accent)\" fill-opacity=\"{3:.3f}\"><title>{4}: "
        "{5:.6g}</title></circle>",
        at.x, at.y, kRadius, 0.06 + 0.5 * probability, html_text(state.name), probability);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.3g}</text>", at.x, at.y + 5.0,
                       probability);
    svg += fmt::format("<text class=\"s\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", at.x,
                       below ? at.y + kRadius + 15.0 : at.y - kRadius - 6.0, html_text(state.name));
  }
  return svg;
}

}  // namespace

std::string svg_chain(const ChainRecord& whole) {
  const ChainRecord chain = summarised(whole, kMostDrawnStates);
  const std::size_t count = chain.state_probabilities.size();
  if (count < 2) return "";
  const Layout layout = layout_of(count);
  return fmt::format(
             "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\"><defs><marker id=\"head\" "
             "viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path "
             "class=\"head\" d=\"M0 0L10 5L0 10z\"/></marker></defs>",
             kChainWidth, layout.height, html_text(chain.name + ": " + chain.purpose)) +
         arrows(chain, layout) + states(chain, layout) + "</svg>";
}

}  // namespace windtunnel::modeling
