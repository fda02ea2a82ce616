// SPDX-License-Identifier: Apache-2.0
#include "modeling/costs/operator_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "modeling/spec/spec_error.h"

namespace windtunnel::modeling {

namespace {

/// Tile shapes relative to the device's largest, with the rate each keeps of it: a smaller tile reads more per FLOP.
struct TileShape {
  double rows;
  double columns;
  double rate;
};
constexpr std::array<TileShape, 5> kTileShapes = {
    {{1.0, 1.0, 1.0}, {0.5, 1.0, 0.95}, {1.0, 0.5, 0.95}, {0.5, 0.5, 0.85}, {0.25, 0.5, 0.7}}};
/// Shortest piece of the depth worth a partial sum of its own.
constexpr double kSplitDepth = 1024.0;
/// Rate of a product whose weights are expanded on the way, relative to one of the same arithmetic.
/// [A] Frantar et al., MARLIN, arXiv:2408.11743: on par with 16-bit products up to large batches, below them beyond;
/// Qwen3-14B-AWQ on an A100 generates 0.955 of the tokens of the 16-bit model with half its bytes to read.
constexpr double kDequantisedRate = 0.9;

double occupancy(const TileShape& shape, const DeviceCompute& compute, double rows, double columns, double depth,
                 double batch) {
  const double tile_rows = shape.rows * compute.tile_rows.value;
  const double tile_columns = shape.columns * compute.tile_columns.value;
  const double tiles = std::ceil(rows / tile_rows) * std::ceil(columns / tile_columns) * batch;
  const double slots = compute.multiprocessors.value;
  const double waves = std::ceil(tiles / slots);
  const double useful = rows * columns * batch / (waves * slots * tile_rows * tile_columns);
  const double splits =
      tiles < slots ? std::max(1.0, std::min(std::floor(slots / tiles), std::ceil(depth / kSplitDepth))) : 1.0;
  return useful * splits * shape.rate;
}

double stream_time_s(double bytes, const DeviceMemory& memory, double ratio) {
  return bytes / (memory.bandwidth_bytes_per_s.value * ratio);
}

OperatorCost slower_of(double compute_s, double memory_s, double fixed_s) {
  return {.mean_s = fixed_s + std::max(compute_s, memory_s), .memory_bound = memory_s > compute_s};
}

OperatorCost product_cost(const Operator& op, const HardwareProfile& profile, const SoftwareGeneration& software) {
  const PrecisionRoof roof = precision_roof(profile.compute, op.precision);
  const GemmEfficiency& efficiency = roof.efficiency;
  const double fill = op.depth / (op.depth + efficiency.half_depth.value);
  const double rate = roof.peak_flop_per_s * profile.compute.sustained_ratio.value * efficiency.compute_ratio.value *
                      fill * tile_occupancy(profile.compute, op.rows, op.columns, op.depth, op.batch);
  const bool grouped = op.grouped && profile.compute.grouped.has_value();
  const double group_s = grouped ? op.batch * profile.compute.grouped->group_s.value : 0.0;
  const double relative = grouped ? profile.compute.grouped->rate_ratio.value : 1.0;
  const bool expands = op.dequantised;
  const bool narrow = bytes_per_element(op.precision) < bytes_per_element(Precision::kBf16);
  const double recipe = narrow ? software.training.narrow_product_ratio.value : 1.0;
  return slower_of(op.flop / (rate * relative * recipe * (expands ? kDequantisedRate : 1.0)),
                   stream_time_s(op.memory_bytes, profile.memory, efficiency.memory_ratio.value),
                   efficiency.floor_s.value + software.launch_s.value + group_s);
}

OperatorCost attention_cost(const Operator& op, const HardwareProfile& profile, const SoftwareGeneration& software) {
  const PrecisionRoof roof = precision_roof(profile.compute, op.precision);
  const AttentionEfficiency& efficiency = profile.compute.attention;
  const double ratio =
      op.pass == Pass::kBackward ? efficiency.backward_compute_ratio.value : efficiency.forward_compute_ratio.value;
  const double ramp = op.attended_length / (op.attended_length + efficiency.half_length.value);
  return slower_of(op.flop / (roof.peak_flop_per_s * profile.compute.sustained_ratio.value *
                              software.attention_speed_ratio.value * ratio * ramp),
                   stream_time_s(op.memory_bytes, profile.memory, profile.memory.stream_ratio.value),
                   software.launch_s.value);
}

/// Copies and the host's own work are pipelined in pieces: the slower of the two sets the pace (Ren et al.,
/// ZeRO-Offload, arXiv:2101.06840). [A] At most their sum.
OperatorCost host_cost(const Operator& op, const HardwareProfile& profile) {
  if (!profile.host)
    throw NoAnswerError(
        fmt::format("the profile of {} does not say how fast its host is, so nothing can be offloaded "
                    "(node.host_link, node.host_memory_bandwidth)",
                    profile.name));
  return {.mean_s = std::max(op.message_bytes / profile.host->link_bytes_per_s.value,
                             op.memory_bytes / profile.host->memory_bandwidth_bytes_per_s.value),
          .memory_bound = true};
}

}  // namespace

double tile_occupancy(const DeviceCompute& compute, double rows, double columns, double depth, double batch) {
  double best = 0.0;
  for (const TileShape& shape : kTileShapes)
    best = std::max(best, occupancy(shape, compute, rows, columns, depth, batch));
  return std::min(best, 1.0);
}

PrecisionRoof precision_roof(const DeviceCompute& compute, Precision precision) {
  static constexpr std::array<Precision, 4> kWider = {Precision::kFp8, Precision::kBf16, Precision::kFp16,
                                                      Precision::kFp32};
  const auto roof_of = [&](Precision candidate) -> std::optional<PrecisionRoof> {
    const auto index = static_cast<std::size_t>(candidate);
    const auto& peak = compute.peak_flop_per_s[index];
    const auto& gemm = compute.gemm[index];
    if (!peak) return std::nullopt;
    // A format without curves of its own keeps the shape of the 16-bit ones.
    const auto& fallback = compute.gemm[static_cast<std::size_t>(Precision::kBf16)];
    if (!gemm && !fallback) return std::nullopt;
    return PrecisionRoof{.peak_flop_per_s = peak->value, .efficiency = gemm ? *gemm : *fallback};
  };
  if (const auto exact = roof_of(precision)) return *exact;
  // Four bits without arithmetic of their own are expanded to 16, never to 8: no engine has such a kernel.
  const bool four_bits = bytes_per_element(precision) < 1.0;
  for (Precision candidate : kWider) {
    if (bytes_per_element(candidate) < bytes_per_element(four_bits ? Precision::kBf16 : precision)) continue;
    if (const auto wider = roof_of(candidate)) return *wider;
  }
  throw NoAnswerError(fmt::format("the device has no peak rate for {}", to_string(precision)));
}

OperatorCost operator_cost(const Operator& op, const HardwareProfile& profile, const SoftwareGeneration& software) {
  const double launch_s = software.launch_s.value;
  switch (op.kind) {
    case OperatorKind::kMatrixProduct:
      return product_cost(op, profile, software);
    case OperatorKind::kAttention:
      return attention_cost(op, profile, software);
    case OperatorKind::kStream:
      return {.mean_s = launch_s + stream_time_s(op.memory_bytes, profile.memory, profile.memory.stream_ratio.value),
              .memory_bound = true};
    case OperatorKind::kHost:
      return host_cost(op, profile);
    case OperatorKind::kCollective:
      break;
  }
  throw std::logic_error("operator_cost was asked for a collective");
}

}  // namespace windtunnel::modeling
