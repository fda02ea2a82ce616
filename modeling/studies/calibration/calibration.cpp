// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/calibration/calibration.h"

#include <fmt/format.h>

#include <algorithm>

#include "modeling/spec/spec_error.h"
#include "modeling/studies/calibration/samples.h"

namespace windtunnel::modeling {

namespace {

constexpr std::size_t kFewestSamples = 6;

bool has_all(const CsvTable& table, std::initializer_list<const char*> columns) {
  return std::all_of(columns.begin(), columns.end(), [&](const char* column) { return table.has(column); });
}

/// Curves whose parent block is the same stand under one header.
struct FragmentWriter {
  std::string text;
  std::vector<std::string> open;

  void heading(const std::string& place) {
    std::vector<std::string> parts;
    std::size_t start = 0;
    for (std::size_t dot = place.find('.'); dot != std::string::npos; dot = place.find('.', start)) {
      parts.push_back(place.substr(start, dot - start));
      start = dot + 1;
    }
    parts.push_back(place.substr(start));
    std::size_t shared = 0;
    while (shared < open.size() && shared < parts.size() && open[shared] == parts[shared]) ++shared;
    for (std::size_t level = shared; level < parts.size(); ++level)
      text += std::string(2 * level, ' ') + parts[level] + ":\n";
    open = parts;
  }
  void line(const std::string& content) { text += std::string(2 * open.size(), ' ') + content + "\n"; }
};

}  // namespace

SampleKind sample_kind(const CsvTable& samples) {
  if (has_all(samples, {"m", "n", "k", "latency_ms"})) return SampleKind::kProducts;
  if (has_all(samples, {"num_experts", "topk", "inter_size", "num_tokens", "latency_ms"})) return SampleKind::kExperts;
  if (has_all(samples, {"kv_len", "num_heads", "head_dim", "batch_size", "latency_ms"})) return SampleKind::kAttention;
  if (has_all(samples, {"op_name", "num_gpus", "bytes", "latency_ms"})) return SampleKind::kCollectives;
  throw SpecError(
      {samples.file(), 1, 1},
      "the columns fit no kind of sample, expected latency_ms with 'dtype, m, n, k' (products), 'batch_size, "
      "kv_len, num_heads, num_kv_heads, head_dim' (attention), 'num_tokens, hidden_size, inter_size, topk, "
      "num_experts' (experts) or 'op_name, num_gpus, bytes' (collectives)");
}

Calibration calibrate(const CsvTable& samples, const std::vector<std::size_t>& rows, const HardwareProfile& profile) {
  Calibration calibration{.device = profile.name, .kind = sample_kind(samples)};
  switch (calibration.kind) {
    case SampleKind::kProducts:
      calibration.curves = fit_products(samples, rows, profile);
      break;
    case SampleKind::kAttention:
      calibration.curves = fit_attention(samples, rows, profile);
      break;
    case SampleKind::kExperts:
      calibration.curves = fit_experts(samples, rows, profile);
      break;
    case SampleKind::kCollectives:
      calibration.curves = fit_collectives(samples, rows, profile);
      break;
  }
  std::erase_if(calibration.curves, [](const FittedCurve& curve) { return curve.fitted_samples < kFewestSamples; });
  if (calibration.curves.empty()) {
    throw NoAnswerError(fmt::format("{}: fewer than {} usable samples of every curve among {} rows", samples.file(),
                                    kFewestSamples, rows.size()));
  }
  return calibration;
}

std::string profile_fragment(const Calibration& calibration, const std::string& source) {
  FragmentWriter writer;
  const auto figure = [&](const std::string& value) {
    return fmt::format("{{value: {}, evidence: derived, source: {}}}", value, source);
  };
  for (const FittedCurve& curve : calibration.curves) {
    writer.heading(curve.place);
    const bool knots = calibration.kind == SampleKind::kCollectives;
    for (const FittedFigure& one : curve.figures) {
      writer.line(knots ? fmt::format("- {{message: {}, ratio: {}}}", one.key, figure(one.text))
                        : fmt::format("{}: {}", one.key, figure(one.text)));
    }
    if (!knots) writer.line("held_out_error: " + figure(fmt::format("{:.4f}", curve.held_out_error)));
  }
  return writer.text;
}

}  // namespace windtunnel::modeling
