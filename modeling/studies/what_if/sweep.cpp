// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "modeling/report/csv_report.h"
#include "modeling/report/required_measures.h"
#include "modeling/spec/read_spec.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/what_if/parallel_for.h"

namespace windtunnel::modeling {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

using Names = std::shared_ptr<const std::vector<std::string>>;

bool same_names(const std::vector<std::string>& names, const std::vector<Measure>& numbers) {
  if (names.size() != numbers.size()) return false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != numbers[i].name) return false;
  }
  return true;
}

/// Rows of one thread rarely change their shape: the names of the row before are shared.
Names shared_names(const std::vector<Measure>& numbers) {
  thread_local Names last;
  if (last && same_names(*last, numbers)) return last;
  std::vector<std::string> names;
  for (const Measure& number : numbers) names.push_back(number.name);
  last = std::make_shared<const std::vector<std::string>>(std::move(names));
  return last;
}

SweepRow row_of(Report& report) {
  add_unknown_measures(report);
  const std::vector<Measure> numbers = numbers_of(report);
  SweepRow row{.names = shared_names(numbers), .ok = report.failure.empty()};
  row.status = row.ok ? "ok" : report.failure;
  row.warnings = fmt::format("{}", fmt::join(report.warnings, "; "));
  for (const Measure& number : numbers) row.values.push_back(number.value.value_or(kUnknown));
  return row;
}

SweepRow refused_row(const std::string& why, bool bad_input) {
  static const Names none = std::make_shared<const std::vector<std::string>>();
  return {.names = none, .status = why, .bad_input = bad_input};
}

/// Whatever is wrong with one point ends in its row.
SweepRow evaluate_point(const SweepPlan& plan, std::size_t point, const Evaluate& evaluate) {
  try {
    const Spec spec = read_spec(plan.document(point));
    Report report = evaluate(spec, Detail::kMeasures);
    return row_of(report);
  } catch (const SpecError& error) {
    return refused_row(error.message(), true);
  } catch (const std::exception& error) {
    return refused_row(std::string("no answer: ") + error.what(), false);
  }
}

struct Columns {
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> position;
};

/// In the order of first appearance.
Columns union_of_columns(const std::vector<SweepRow>& rows) {
  Columns columns;
  const std::vector<std::string>* last = nullptr;
  for (const SweepRow& row : rows) {
    if (row.names.get() == last) continue;
    last = row.names.get();
    for (const std::string& name : *last) {
      if (columns.position.emplace(name, columns.names.size()).second) columns.names.push_back(name);
    }
  }
  return columns;
}

std::string csv_row(const std::vector<std::string>& inputs, const SweepRow& row, const Columns& columns) {
  std::vector<double> cells(columns.names.size(), kUnknown);
  for (std::size_t i = 0; i < row.names->size(); ++i) cells[columns.position.at((*row.names)[i])] = row.values[i];
  std::string line;
  for (const std::string& input : inputs) line += csv_input(input) + ",";
  for (const double cell : cells) line += csv_number(cell) + ",";
  return line + csv_text(row.warnings) + "," + csv_text(row.status) + "\n";
}

}  // namespace

SweepPlan::SweepPlan(YamlDocument base, std::vector<SweepAxis> axes) : base_(std::move(base)), axes_(std::move(axes)) {
  for (const SweepAxis& axis : axes_) {
    std::vector<YamlChange> changes;
    for (const std::string& value : axis.values) changes.emplace_back(YamlOverride{axis.path, value, "--vary"});
    size_ *= changes.size();
    if (size_ > kMostAxisValues) throw AxisError(fmt::format("more than {} points", kMostAxisValues));
    changes_.push_back(std::move(changes));
  }
}

std::vector<std::size_t> SweepPlan::position(std::size_t point) const {
  std::vector<std::size_t> position(axes_.size());
  for (std::size_t axis = axes_.size(); axis-- > 0;) {
    position[axis] = point % changes_[axis].size();
    point /= changes_[axis].size();
  }
  return position;
}

std::vector<std::string> SweepPlan::inputs(std::size_t point) const {
  std::vector<std::string> inputs;
  const std::vector<std::size_t> at = position(point);
  for (std::size_t axis = 0; axis < axes_.size(); ++axis) inputs.push_back(axes_[axis].values[at[axis]]);
  return inputs;
}

YamlDocument SweepPlan::document(std::size_t point) const {
  std::vector<YamlChange> changes;
  const std::vector<std::size_t> at = position(point);
  for (std::size_t axis = 0; axis < axes_.size(); ++axis) changes.push_back(changes_[axis][at[axis]]);
  return base_.with(changes);
}

std::vector<SweepRow> run_sweep(const SweepPlan& plan, const Evaluate& evaluate, const SweepOptions& options,
                                std::vector<std::optional<SweepRow>> known) {
  std::vector<SweepRow> rows(plan.size());
  known.resize(plan.size());
  std::mutex mutex;
  parallel_for(plan.size(), options.jobs, [&](std::size_t point) {
    if (known[point]) {
      rows[point] = std::move(*known[point]);
      return;
    }
    rows[point] = evaluate_point(plan, point, evaluate);
    if (!options.on_row) return;
    const std::lock_guard lock(mutex);
    options.on_row(point, rows[point]);
  });
  return rows;
}

std::string sweep_csv(const SweepPlan& plan, const std::vector<SweepRow>& rows) {
  const Columns columns = union_of_columns(rows);
  std::string table;
  for (const SweepAxis& axis : plan.axes()) table += csv_text(axis.path) + ",";
  for (const std::string& name : columns.names) table += csv_text(name) + ",";
  table += "warnings,status\n";
  for (std::size_t point = 0; point < rows.size(); ++point) table += csv_row(plan.inputs(point), rows[point], columns);
  return table;
}

}  // namespace windtunnel::modeling
