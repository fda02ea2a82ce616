// SPDX-License-Identifier: Apache-2.0
#include "modeling/chains/serving/engine/decode_run.h"

#include <algorithm>
#include <cmath>

namespace windtunnel::modeling {

namespace {

/// Growth of the context within one panel.
constexpr double kPanelGrowth = 1.1;
constexpr double kMostPanels = 64.0;

}  // namespace

double DecodeRun::Panel::integral_s(double to) const {
  const double span = to - begin;
  return span * (time_s + 0.5 * slope_s * (to - end));
}

void DecodeRun::start(const IterationTime& time, const IterationLoad& first, double growth_tokens,
                      double growth_drafted_tokens, long long iterations) {
  panels_.clear();
  iterations_ = iterations;
  context_ = first.decoding_context_tokens;
  growth_ = growth_tokens;
  // The middle of the span of iteration j stands for its context at the start: half a step earlier.
  const auto time_s = [&](double at) {
    IterationLoad load = first;
    load.decoding_context_tokens += growth_tokens * (at - 0.5);
    load.prompt_attended_tokens += growth_drafted_tokens * (at - 0.5);
    return time.iteration_s(load);
  };
  const double whole = static_cast<double>(iterations);
  if (iterations == 1) {
    panels_.push_back({.begin = 0.0, .end = 1.0, .time_s = time_s(0.5)});
    return;
  }
  const double grown = 1.0 + growth_tokens * whole / std::max(1.0, context_);
  const double panels = std::clamp(std::ceil(std::log(grown) / std::log(kPanelGrowth)), 1.0, kMostPanels);
  const double ratio = std::pow(grown, 1.0 / panels);
  double begin = 0.0, before_s = 0.0, scale = 1.0;
  for (double i = 0.0; i < panels; i += 1.0) {
    scale *= ratio;
    const bool is_last = i + 1.0 >= panels;
    const double end = is_last || grown <= 1.0 ? whole : whole * (scale - 1.0) / (grown - 1.0);
    const double half = 0.5 * (end - begin), middle = begin + half, gauss = half / std::sqrt(3.0);
    const double low = time_s(middle - gauss), high = time_s(middle + gauss);
    panels_.push_back({begin, end, 0.5 * (low + high), gauss > 0.0 ? 0.5 * (high - low) / gauss : 0.0, before_s});
    before_s += panels_.back().integral_s(end);
    begin = end;
  }
}

double DecodeRun::elapsed_s(long long count) const {
  const double to = static_cast<double>(count);
  std::size_t i = 0;
  while (i + 1 < panels_.size() && panels_[i].end < to) ++i;
  return panels_[i].before_s + panels_[i].integral_s(to);
}

long long DecodeRun::iterations_within(double s) const {
  long long low = 0, high = iterations_;  // elapsed(low) < s <= elapsed(high), or all of them
  while (high - low > 1) {
    const long long middle = low + (high - low) / 2;
    (elapsed_s(middle) < s ? low : high) = middle;
  }
  return high;
}

double DecodeRun::context_integral(long long count) const {
  double sum = 0.0;
  const double whole = static_cast<double>(count);
  for (const Panel& panel : panels_) {
    if (panel.begin >= whole) break;
    const double end = std::min(panel.end, whole);
    const double span = end - panel.begin, middle = panel.begin + 0.5 * span;
    sum += panel.integral_s(end) * (context_ + growth_ * (middle - 0.5));
    // Time and context grow together.
    sum += panel.slope_s * growth_ * span * span * span / 12.0;
  }
  return sum;
}

}  // namespace windtunnel::modeling
