// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "modeling/report/html_page.h"
#include "modeling/report/readable_number.h"

namespace windtunnel::modeling {
namespace {

constexpr double kChartWidth = 480.0;
constexpr double kHeight = 260.0;
constexpr double kLeft = 56.0;
constexpr double kRight = 16.0;
constexpr double kTop = 12.0;
constexpr double kBottom = 46.0;
/// More bars than this get no gap between them and no tooltip.
constexpr std::size_t kManyBars = 120;
/// A line through so few points shows them.
constexpr std::size_t kMostDots = 12;

/// Data to picture.
struct Scale {
  double x_low = 0.0;
  double x_high = 1.0;
  double y_high = 1.0;
  double x(double value) const { return kLeft + (value - x_low) / (x_high - x_low) * (kChartWidth - kLeft - kRight); }
  double y(double value) const { return kHeight - kBottom - value / y_high * (kHeight - kTop - kBottom); }
};

Scale scale_of(const Curve& curve) {
  Scale scale{curve.points.front().first, curve.points.front().first, 0.0};
  for (const auto& [x, y] : curve.points) {
    scale.x_low = std::min(scale.x_low, x);
    scale.x_high = std::max(scale.x_high, x);
    scale.y_high = std::max(scale.y_high, y);
  }
  if (curve.bars) {
    scale.x_low -= 0.5;
    scale.x_high += 0.5;
  }
  if (scale.x_high <= scale.x_low) scale.x_high = scale.x_low + 1.0;
  scale.y_high = scale.y_high > 0.0 ? scale.y_high : 1.0;
  if (!curve.bars && std::abs(scale.y_high - 1.0) < 0.05) scale.y_high = 1.0;
  return scale;
}

std::string axes(const Curve& curve, const Scale& scale) {
  std::string svg;
  for (const double tick : round_ticks(0.0, scale.y_high, 4))
    svg += fmt::format(
        "<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/><text class=\"s\" x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"end\">{:.3g}</text>",
        kLeft, scale.y(tick), kChartWidth - kRight, kLeft - 6.0, scale.y(tick) + 4.0, tick);
  for (const double tick : round_ticks(scale.x_low, scale.x_high, 5))
    svg += fmt::format(
        "<path class=\"grid\" d=\"M{0:.1f} {1:.1f}V{2:.1f}\"/><text class=\"s\" x=\"{0:.1f}\" y=\"{3:.1f}\" "
        "text-anchor=\"middle\">{4}</text>",
        scale.x(tick), kTop, kHeight - kBottom, kHeight - kBottom + 16.0,
        html_text(readable_number(curve.x_name, tick)));
  svg += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\"/>", kLeft, kTop, kHeight - kBottom,
                     kChartWidth - kRight);
  return svg + fmt::format("<text class=\"s\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                           (kLeft + kChartWidth - kRight) / 2.0, kHeight - 8.0, html_text(curve.x_name));
}

std::string bars(const Curve& curve, const Scale& scale) {
  const double slot = (kChartWidth - kLeft - kRight) / (scale.x_high - scale.x_low);
  const bool many = curve.points.size() > kManyBars;
  const double width = many ? slot + 0.3 : 0.8 * slot;
  std::string svg;
  for (const auto& [x, y] : curve.points) {
    svg += fmt::format("<rect class=\"fill\" x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\">",
                       scale.x(x) - width / 2.0, scale.y(y), width, kHeight - kBottom - scale.y(y));
    if (!many) svg += fmt::format("<title>{:.4g}: {:.4g}</title>", x, y);
    svg += "</rect>";
  }
  return svg;
}

std::string line(const Curve& curve, const Scale& scale) {
  std::string path;
  for (const auto& [x, y] : curve.points)
    path += fmt::format("{}{:.2f} {:.2f}", path.empty() ? "M" : "L", scale.x(x), scale.y(y));
  std::string svg = "<path class=\"curve\" d=\"" + path + "\"/>";
  if (curve.points.size() > kMostDots) return svg;
  for (const auto& [x, y] : curve.points)
    svg +=
        fmt::format("<circle class=\"fill\" cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"4\"><title>{:.4g}: {:.4g}</title></circle>",
                    scale.x(x), scale.y(y), x, y);
  return svg;
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  const double raw = (high - low) / count;
  if (!(raw > 0.0) || !std::isfinite(raw)) return {low};
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (step < raw) step = factor * power;
  }
  std::vector<double> ticks;
  // A millionth of a step covers the rounding of the multiples.
  for (double k = std::ceil(low / step - 1e-6); k * step <= high + 1e-6 * step; k += 1.0)
    ticks.push_back(k * step + 0.0);  // never -0
  return ticks;
}

std::string svg_curve(const Curve& curve) {
  if (curve.points.size() < 2) return "";
  const Scale scale = scale_of(curve);
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">", kChartWidth, kHeight,
                     html_text(curve.title)) +
         axes(curve, scale) + (curve.bars ? bars(curve, scale) : line(curve, scale)) + "</svg>";
}

}  // namespace windtunnel::modeling
