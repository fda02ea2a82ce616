// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "modeling/cluster/machine.h"
#include "modeling/costs/operator_cost.h"
#include "modeling/studies/calibration/fit.h"
#include "modeling/studies/calibration/samples.h"

namespace windtunnel::modeling {

namespace {

constexpr double kMillisecond = 1e-3;
constexpr double kActivationBytes = 2.0;
/// Prefill kernels on fewer tokens are all launch.
constexpr double kShortestPrompt = 128.0;

/// The kernels of one measured call; what is measured beside them is a constant and a trip through memory.
struct KernelSample {
  std::vector<Operator> kernels;
  double streamed_bytes = 0.0;
  double measured_s = 0.0;
  /// Samples of one shape are fitted or held out together.
  std::tuple<double, double, double> shape;
};

/// A machine as short benchmarks see it: full clock, nothing between kernels.
Machine benchmark_machine(const HardwareProfile& profile) {
  Machine machine{.profile = profile};
  machine.profile.compute.sustained_ratio.value = 1.0;
  machine.software.attention_speed_ratio.value = 1.0;
  return machine;
}

double predict_s(const KernelSample& sample, const Machine& machine, double constant_s) {
  const DeviceMemory& memory = machine.profile.memory;
  double time_s = constant_s + sample.streamed_bytes / (memory.bandwidth_bytes_per_s.value * memory.stream_ratio.value);
  for (const Operator& op : sample.kernels) time_s += operator_cost(op, machine.profile, machine.software).mean_s;
  return time_s;
}

/// Moves bytes faster than memory can: weights or inputs stayed in a cache between repeats.
bool from_cache(const KernelSample& sample, const HardwareProfile& profile) {
  double bytes = 0.0;
  for (const Operator& op : sample.kernels) bytes += op.memory_bytes;
  return bytes > sample.measured_s * profile.memory.bandwidth_bytes_per_s.value;
}

struct SplitSamples {
  std::vector<KernelSample> fitted;
  std::vector<KernelSample> held_out;
  std::size_t cached = 0;
};

SplitSamples split(const std::vector<KernelSample>& samples, const HardwareProfile& profile) {
  std::set<std::tuple<double, double, double>> shapes;
  for (const KernelSample& sample : samples) shapes.insert(sample.shape);
  SplitSamples parts;
  for (const KernelSample& sample : samples) {
    if (from_cache(sample, profile)) {
      ++parts.cached;
      continue;
    }
    const bool kept_out = std::distance(shapes.begin(), shapes.find(sample.shape)) % 3 == 2;
    (kept_out ? parts.held_out : parts.fitted).push_back(sample);
  }
  return parts;
}

/// How fitted numbers become a machine; the last number is the constant of a call.
using Apply = std::function<void(const std::vector<double>&, HardwareProfile&)>;

std::vector<double> predictions(const std::vector<KernelSample>& samples, const Machine& machine, double constant_s) {
  std::vector<double> times;
  for (const KernelSample& sample : samples) times.push_back(predict_s(sample, machine, constant_s));
  return times;
}

std::vector<double> measurements(const std::vector<KernelSample>& samples) {
  std::vector<double> times;
  for (const KernelSample& sample : samples) times.push_back(sample.measured_s);
  return times;
}

struct KernelFit {
  std::vector<double> numbers;
  FittedCurve curve;
};

/// Median error of the profile's own curve on the held-out samples; only the constant of a call is fitted.
double profile_error(const SplitSamples& parts, const HardwareProfile& profile, const FitParameter& constant) {
  const Machine machine = benchmark_machine(profile);
  const std::vector<double> measured = measurements(parts.fitted);
  const std::vector<double> best = fit_parameters({constant}, [&](const std::vector<double>& x) {
    return mean_log_error(predictions(parts.fitted, machine, x.front()), measured);
  });
  return median_relative_error(predictions(parts.held_out, machine, best.front()), measurements(parts.held_out));
}

KernelFit fit_kernels(const std::string& place, const std::vector<KernelSample>& samples,
                      const HardwareProfile& profile, bool has_curve, const std::vector<FitParameter>& parameters,
                      const Apply& apply) {
  const SplitSamples parts = split(samples, profile);
  KernelFit fit;
  fit.curve.place = place;
  fit.curve.fitted_samples = parts.fitted.size();
  fit.curve.held_out_samples = parts.held_out.size();
  fit.curve.cached_samples = parts.cached;
  if (parts.fitted.empty()) return fit;
  if (has_curve) fit.curve.profile_error = profile_error(parts, profile, parameters.back());
  Machine machine = benchmark_machine(profile);
  const std::vector<double> measured = measurements(parts.fitted);
  fit.numbers = fit_parameters(parameters, [&](const std::vector<double>& x) {
    apply(x, machine.profile);
    return mean_log_error(predictions(parts.fitted, machine, x.back()), measured);
  });
  apply(fit.numbers, machine.profile);
  const double constant_s = fit.numbers.back();
  fit.curve.fitted_error = median_relative_error(predictions(parts.fitted, machine, constant_s), measured);
  fit.curve.held_out_error =
      median_relative_error(predictions(parts.held_out, machine, constant_s), measurements(parts.held_out));
  return fit;
}

FittedFigure ratio_figure(const std::string& key, double value) {
  return {key, value, fmt::format("{:.3f}", value)};
}
FittedFigure count_figure(const std::string& key, double value) {
  return {key, value, fmt::format("{:.0f}", value)};
}
FittedFigure time_figure(const std::string& key, double value_s) {
  return {key, value_s, fmt::format("{:.2f} us", 1e6 * value_s)};
}

Operator product(double rows, double columns, double depth, double batch, Precision precision) {
  const double element = bytes_per_element(precision);
  return {.kind = OperatorKind::kMatrixProduct,
          .rows = rows,
          .columns = columns,
          .depth = depth,
          .batch = batch,
          .precision = precision,
          .flop = 2.0 * batch * rows * columns * depth,
          .memory_bytes = batch * (element * depth * (rows + columns) + kActivationBytes * rows * columns)};
}

bool is_narrow(Precision precision) {
  return bytes_per_element(precision) < 1.5;
}

}  // namespace

std::optional<Precision> format_of_source(const std::string& name) {
  static const std::map<std::string, Precision> kNames = {
      {"bfloat16", Precision::kBf16}, {"bf16", Precision::kBf16},   {"half", Precision::kFp16},
      {"float16", Precision::kFp16},  {"fp16", Precision::kFp16},   {"fp8", Precision::kFp8},
      {"nvfp4", Precision::kNvfp4},   {"mxfp8", Precision::kMxfp8}, {"int8", Precision::kInt8}};
  const auto found = kNames.find(name);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

std::vector<FittedCurve> fit_products(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                      const HardwareProfile& profile) {
  std::map<Precision, std::vector<KernelSample>> by_format;
  for (const std::size_t row : rows) {
    const auto format = samples.has("dtype") ? format_of_source(samples.text(row, "dtype")) : Precision::kBf16;
    if (!format) continue;
    const double m = samples.positive(row, "m");
    const double n = samples.positive(row, "n");
    const double k = samples.positive(row, "k");
    // Narrow formats are measured with the cast of their 16-bit input: read 2, write 1 byte an element.
    by_format[*format].push_back({.kernels = {product(m, n, k, 1.0, *format)},
                                  .streamed_bytes = is_narrow(*format) ? 3.0 * m * k : 0.0,
                                  .measured_s = kMillisecond * samples.positive(row, "latency_ms"),
                                  .shape = {n, k, 0.0}});
  }
  std::vector<FittedCurve> curves;
  for (const auto& [format, measured] : by_format) {
    const auto index = static_cast<std::size_t>(format);
    if (!profile.compute.peak_flop_per_s[index]) continue;
    const double call_s = is_narrow(format) ? 2e-5 : 2e-9;
    KernelFit fit = fit_kernels(
        "compute.gemm." + to_string(format), measured, profile, profile.compute.gemm[index].has_value(),
        {{0.8, 0.1, 1.0}, {0.8, 0.1, 1.0}, {2e-6, 1e-7, 2e-5}, {200.0, 1.0, 4000.0}, {0.5 * call_s, 1e-9, call_s}},
        [&, index](const std::vector<double>& x, HardwareProfile& p) {
          GemmEfficiency gemm;
          gemm.compute_ratio.value = x[0];
          gemm.memory_ratio.value = x[1];
          gemm.floor_s.value = x[2];
          gemm.half_depth.value = x[3];
          p.compute.gemm[index] = gemm;
        });
    if (!fit.numbers.empty()) {
      fit.curve.figures = {ratio_figure("compute_ratio", fit.numbers[0]), ratio_figure("memory_ratio", fit.numbers[1]),
                           time_figure("floor", fit.numbers[2]), count_figure("half_depth", fit.numbers[3])};
    }
    curves.push_back(fit.curve);
  }
  return curves;
}

std::vector<FittedCurve> fit_attention(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                       const HardwareProfile& profile) {
  std::vector<KernelSample> measured;
  for (const std::size_t row : rows) {
    const bool wide =
        !samples.has("attn_dtype") || format_of_source(samples.text(row, "attn_dtype")) == Precision::kBf16;
    const double length = samples.positive(row, "kv_len");
    if (!wide || length < kShortestPrompt) continue;
    const double batch = samples.positive(row, "batch_size");
    const double heads = samples.positive(row, "num_heads");
    const double key_value_heads = samples.has("num_kv_heads") ? samples.positive(row, "num_kv_heads") : heads;
    const double width = samples.positive(row, "head_dim");
    Operator kernel{.kind = OperatorKind::kAttention};
    // Scores and values over the lower triangle: 2 x 2 s^2 d / 2 per head.
    kernel.flop = 2.0 * batch * heads * length * length * width;
    kernel.memory_bytes = kActivationBytes * batch * length * width * 2.0 * (heads + key_value_heads);
    kernel.attended_length = length;
    measured.push_back({.kernels = {kernel},
                        .measured_s = kMillisecond * samples.positive(row, "latency_ms"),
                        .shape = {heads, key_value_heads, batch}});
  }
  KernelFit fit = fit_kernels("compute.attention", measured, profile, true,
                              {{0.5, 0.05, 1.0}, {1000.0, 1.0, 8000.0}, {1e-5, 1e-9, 1e-4}},
                              [](const std::vector<double>& x, HardwareProfile& p) {
                                p.compute.attention.forward_compute_ratio.value = x[0];
                                p.compute.attention.half_length.value = x[1];
                              });
  if (!fit.numbers.empty()) {
    fit.curve.figures = {ratio_figure("forward_compute_ratio", fit.numbers[0]),
                         count_figure("half_length", fit.numbers[1])};
  }
  return {fit.curve};
}

std::vector<FittedCurve> fit_experts(const CsvTable& samples, const std::vector<std::size_t>& rows,
                                     const HardwareProfile& profile) {
  std::vector<KernelSample> measured;
  const auto degree = [&](std::size_t row, const char* column) {
    return samples.has(column) ? samples.positive(row, column) : 1.0;
  };
  for (const std::size_t row : rows) {
    const auto format = samples.has("moe_dtype") ? format_of_source(samples.text(row, "moe_dtype")) : Precision::kBf16;
    const bool balanced = !samples.has("distribution") || samples.text(row, "distribution") == "balanced";
    if (!format || !balanced || !profile.compute.peak_flop_per_s[static_cast<std::size_t>(*format)]) continue;
    const double hidden = samples.positive(row, "hidden_size");
    const double inner = samples.positive(row, "inter_size") / degree(row, "moe_tp_size");
    const double experts = samples.positive(row, "num_experts") / degree(row, "moe_ep_size");
    const double copies =
        samples.positive(row, "num_tokens") * samples.positive(row, "topk") / degree(row, "moe_ep_size");
    const double active = std::max(1.0, std::min(experts, copies));
    Operator in = product(copies / active, 2.0 * inner, hidden, active, *format);
    Operator out = product(copies / active, hidden, inner, active, *format);
    in.grouped = out.grouped = true;
    // Tokens are permuted there and back, the activation reads two and writes one.
    const double streamed = kActivationBytes * copies * (4.0 * hidden + 3.0 * inner);
    measured.push_back({.kernels = {in, out},
                        .streamed_bytes = streamed,
                        .measured_s = kMillisecond * samples.positive(row, "latency_ms"),
                        .shape = {hidden, inner, experts}});
  }
  KernelFit fit = fit_kernels("compute.grouped", measured, profile, profile.compute.grouped.has_value(),
                              {{0.7, 0.05, 1.0}, {2e-7, 1e-9, 1e-5}, {2e-5, 1e-9, 3e-4}},
                              [](const std::vector<double>& x, HardwareProfile& p) {
                                GroupedEfficiency grouped;
                                grouped.rate_ratio.value = x[0];
                                grouped.group_s.value = x[1];
                                p.compute.grouped = grouped;
                              });
  if (!fit.numbers.empty())
    fit.curve.figures = {ratio_figure("rate_ratio", fit.numbers[0]), time_figure("group", fit.numbers[1])};
  return {fit.curve};
}

}  // namespace windtunnel::modeling
