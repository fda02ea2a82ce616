// SPDX-License-Identifier: Apache-2.0
// Fits the efficiency curves of a device to measured operator times, and says how well they hold on samples kept out.
//
// The curves are those of costs/operator_cost.h and costs/collective_cost.h: the fit calls the very functions that
// predict. Objective: mean |ln(predicted / measured)| over two thirds of the shapes, by coordinate descent; every third
// shape is held out and its median |predicted / measured - 1| is the held-out error.
//   products     compute_ratio, memory_ratio, floor, half_depth per number format
//   attention    forward_compute_ratio, half_length (causal prefill), and a constant per call that is dropped
//   experts      rate_ratio and group of grouped products, relative to single ones
//   collectives  rate by message size: knots at every second size, the sizes between are held out
// Beside it stands the error of the profile's own curve on the same samples: what a profile may store.
// Short benchmarks: sustained_ratio is taken as 1 and launch as 0, both belong to long runs and to software.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modeling/cluster/hardware_profile.h"
#include "modeling/spec/csv_table.h"

namespace windtunnel::modeling {

enum class SampleKind { kProducts, kAttention, kExperts, kCollectives };

/// By the columns: m n k; kv_len num_heads head_dim; num_experts topk inter_size; op_name num_gpus bytes.
/// Throws SpecError naming the four sets when none is there.
SampleKind sample_kind(const CsvTable& samples);

/// One fitted number of a curve.
struct FittedFigure {
  std::string key;
  /// SI.
  double value = 0.0;
  /// As a profile writes it, with its unit.
  std::string text;
};

/// One curve: a number format, a collective, the attention kernel ...
struct FittedCurve {
  /// Place in a profile: `compute.gemm.bf16`, `compute.attention`, `compute.grouped`,
  /// `scale_up.rate_curves.all_reduce`.
  std::string place;
  std::vector<FittedFigure> figures;
  std::size_t fitted_samples = 0;
  std::size_t held_out_samples = 0;
  /// Samples left out because they move bytes faster than memory can (weights resident in a cache between repeats).
  std::size_t cached_samples = 0;
  /// Medians of |predicted / measured - 1|.
  double fitted_error = 0.0;
  double held_out_error = 0.0;
  /// The same on the held-out samples for the curve as the profile has it (the constant of a call fitted anew); empty:
  /// the profile has none, or the kind is collectives.
  std::optional<double> profile_error;
};

struct Calibration {
  std::string device;
  SampleKind kind = SampleKind::kProducts;
  std::vector<FittedCurve> curves;
};

/// Rows of the table that pass `keep` (empty: all). Throws SpecError on cells that are not numbers, NoAnswerError when
/// fewer than six samples remain for every curve.
Calibration calibrate(const CsvTable& samples, const std::vector<std::size_t>& rows, const HardwareProfile& profile);

/// The fragment of a profile that holds the fitted curves, YAML, every figure `derived` from `source`.
std::string profile_fragment(const Calibration& calibration, const std::string& source);

}  // namespace windtunnel::modeling
