// SPDX-License-Identifier: Apache-2.0
// The cross product of some inputs, every point evaluated: one row each.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modeling/spec/yaml_reader.h"
#include "modeling/studies/what_if/evaluator.h"
#include "modeling/studies/what_if/sweep_axis.h"

namespace windtunnel::modeling {

/// The answer of one point.
struct SweepRow {
  /// Of the numbers; rows of one shape share it.
  std::shared_ptr<const std::vector<std::string>> names;
  /// NaN: unknown.
  std::vector<double> values;
  /// `ok`, or why there is no answer.
  std::string status;
  bool ok = false;
  /// What the answer of this point warns of, one sentence each, joined by "; ".
  std::string warnings;
  /// Not ok because the point cannot be (layout impossible by arithmetic, unknown key ...).
  bool bad_input = false;
};

/// The points: the last axis moves fastest. The spec and the values are parsed once.
class SweepPlan {
 public:
  /// Throws SpecError when a value is not YAML, AxisError when there are more than kMostAxisValues points.
  SweepPlan(YamlDocument base, std::vector<SweepAxis> axes);

  std::size_t size() const { return size_; }
  const std::vector<SweepAxis>& axes() const { return axes_; }
  /// Values of the axes at one point, as they were typed.
  std::vector<std::string> inputs(std::size_t point) const;
  YamlDocument document(std::size_t point) const;

 private:
  /// Position on each axis.
  std::vector<std::size_t> position(std::size_t point) const;

  YamlDocument base_;
  std::vector<SweepAxis> axes_;
  std::vector<std::vector<YamlChange>> changes_;
  std::size_t size_ = 1;
};

struct SweepOptions {
  /// Threads; 0: one per core.
  int jobs = 0;
  /// Called once per row that was computed, by one thread at a time.
  std::function<void(std::size_t point, const SweepRow& row)> on_row;
};

/// Every point's row, in order. `known` (empty, or one entry per point): rows of an earlier, interrupted sweep.
std::vector<SweepRow> run_sweep(const SweepPlan& plan, const Evaluate& evaluate, const SweepOptions& options = {},
                                std::vector<std::optional<SweepRow>> known = {});

/// RFC 4180 as csv_report(): the axes under their full paths, the numbers (NA where unknown), `warnings`, `status`.
std::string sweep_csv(const SweepPlan& plan, const std::vector<SweepRow>& rows);

}  // namespace windtunnel::modeling
