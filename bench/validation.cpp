// SPDX-License-Identifier: Apache-2.0
// Prints docs/validation.md: every measured run of docs/measured beside what windtunnel predicts for it.
//
//   bench_validation docs/measured > docs/validation.md      (or: cmake --build build/release --target
//   refresh_validation)
//
// A row becomes a spec by its column names and is answered by the same functions as `windtunnel run`. Runs that share a
// spec and differ in the measurement show how near any model of the spec can come: the floor of their group.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/spec_lines.h"
#include "bench/validation_serving.h"
#include "modeling/cluster/machine.h"
#include "modeling/spec/csv_table.h"
#include "modeling/spec/read_spec.h"
#include "modeling/studies/training/training.h"

namespace {

using namespace windtunnel::modeling;
using windtunnel::bench::keys;
using windtunnel::bench::kModelKeys;

constexpr double kGibi = 1024.0 * 1024.0 * 1024.0;

const std::vector<std::string> kTrainingKeys = {"sequence_length",   "global_batch", "micro_batch",
                                                "precision",         "recompute",    "schedule",
                                                "sequence_parallel", "zero_stage",   "expert_imbalance"};
const std::vector<std::string> kDegrees = {"tensor", "pipeline", "data", "context", "expert", "virtual_stages"};

std::string spec_text(const CsvTable& table, std::size_t row) {
  std::string text = "study: training\nmodel:\n" + keys(table, row, kModelKeys, "  ") + "cluster:\n" +
                     keys(table, row, {"device", "num_devices"}, "  ");
  if (const std::string& link = table.text(row, "scale_out_gbit_per_s_per_device"); !link.empty())
    text += "  scale_out: {bandwidth: " + link + " Gb/s}\n";
  if (const std::string& software = table.text(row, "software_generation"); !software.empty())
    text += "  software: " + software + "\n";
  text +=
      "training:\n" + keys(table, row, kTrainingKeys, "  ") + "  parallelism:\n" + keys(table, row, kDegrees, "    ");
  if (table.text(row, "software").find("overlap off") != std::string::npos)
    text += "  overlap: {tensor: false, pipeline: false, data: false, expert: false, context: false}\n";
  return text;
}

struct Prediction {
  double step_s = 0.0;
  double memory_bytes = 0.0;
};

Prediction predict(const std::string& text) {
  std::vector<std::string> warnings;
  const Spec spec = read_spec(YamlDocument::parse(text, "row.yaml"));
  const Machine machine = load_machine(spec.cluster, spec.study, warnings);
  const PlacedTraining placed = place_training(spec, machine);
  const CoupledStep coupled = couple_step_and_links(placed, machine);
  return {build_step_chain(step_chain_problem(placed, coupled, machine)).mean_s, placed.memory.total_bytes()};
}

struct Row {
  std::size_t number = 0;
  std::string group;
  std::string spec;
  double measured = 0.0;
  double predicted = 0.0;
  double error() const { return predicted / measured - 1.0; }
};

double percent(double ratio) {
  return 100.0 * ratio;
}

double mean_absolute_error(const std::vector<Row>& rows) {
  double sum = 0.0;
  for (const Row& row : rows) sum += std::abs(row.error());
  return sum / static_cast<double>(rows.size());
}

/// The smallest mean |answer / measured - 1| that one answer per spec can have, over the rows whose spec occurs twice.
std::optional<double> floor_of(const std::vector<Row>& rows, std::size_t& shared) {
  std::map<std::string, std::vector<double>> by_spec;
  for (const Row& row : rows) by_spec[row.spec].push_back(row.measured);
  double sum = 0.0;
  shared = 0;
  for (const auto& [spec, times] : by_spec) {
    if (times.size() < 2) continue;
    double best = INFINITY;
    for (const double answer : times) {  // the best answer is one of the measurements
      double error = 0.0;
      for (const double time : times) error += std::abs(answer / time - 1.0);
      best = std::min(best, error);
    }
    sum += best;
    shared += times.size();
  }
  return shared == 0 ? std::nullopt : std::optional(sum / static_cast<double>(shared));
}

void print_groups(const char* title, const std::map<std::string, std::vector<Row>>& groups) {
  fmt::print(
      "\n### {}\n\n| group | rows | mean absolute error, % | bias, % | median, % | worst, % | rows that share a spec "
      "| floor there, % |\n|---|---|---|---|---|---|---|---|\n",
      title);
  for (const auto& [name, rows] : groups) {
    std::vector<double> errors;
    double bias = 0.0;
    for (const Row& row : rows) {
      errors.push_back(std::abs(row.error()));
      bias += row.error();
    }
    std::sort(errors.begin(), errors.end());
    std::size_t shared = 0;
    const auto floor = floor_of(rows, shared);
    fmt::print("| {} | {} | {:.1f} | {:+.1f} | {:.1f} | {:.1f} | {} | {} |\n", name, rows.size(),
               percent(mean_absolute_error(rows)), percent(bias / static_cast<double>(rows.size())),
               percent(errors[errors.size() / 2]), percent(errors.back()), shared,
               floor ? fmt::format("{:.1f}", percent(*floor)) : "");
  }
}

std::string degrees(const CsvTable& table, std::size_t row) {
  return fmt::format("{} x {} x {} x {}, e{} v{}", table.text(row, "tensor"), table.text(row, "pipeline"),
                     table.text(row, "data"), table.text(row, "context"), table.text(row, "expert"),
                     table.text(row, "virtual_stages"));
}

void print_rows(const CsvTable& table, const std::vector<Row>& rows, double scale, const char* unit) {
  fmt::print(
      "\n| id | device | devices | model | tokens x batch | precision | recompute | tensor x pipeline x data x "
      "context | software | measured, {} | predicted, {} | error, % | source |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
      unit, unit);
  for (const Row& row : rows) {
    const auto cell = [&](const char* column) {
      std::string text = table.text(row.number, column);
      std::replace(text.begin(), text.end(), '|', ',');
      return text;
    };
    fmt::print("| {} | {} | {} | {} | {} x {} | {} | {} | {} | {} | {:.4g} | {:.4g} | {:+.1f} | {} |\n", cell("id"),
               cell("device"), cell("num_devices"), cell("model_name"), cell("sequence_length"), cell("global_batch"),
               cell("precision"), cell("recompute"), degrees(table, row.number), cell("software"), row.measured / scale,
               row.predicted / scale, percent(row.error()), cell("source"));
  }
}

/// All rows of one file; false when one has no answer.
bool validate(const CsvTable& table, const std::string& target, bool memory, double scale, const char* unit) {
  std::vector<Row> rows;
  std::map<std::string, std::vector<Row>> complete;
  std::map<std::string, std::vector<Row>> all;
  std::map<std::string, std::vector<Row>> by_software;
  bool answered = true;
  for (std::size_t number = 0; number < table.rows(); ++number) {
    Row row{.number = number,
            .group = table.text(number, "group"),
            .spec = spec_text(table, number),
            .measured = table.positive(number, target)};
    try {
      const Prediction prediction = predict(row.spec);
      row.predicted = memory ? prediction.memory_bytes : prediction.step_s;
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}: {}\n", table.text(number, "id"), error.what());
      answered = false;
      continue;
    }
    if (table.text(number, "config_complete") == "1") complete[row.group].push_back(row);
    all[row.group].push_back(row);
    all["all rows"].push_back(row);
    by_software[table.text(number, "software")].push_back(row);
    rows.push_back(std::move(row));
  }
  print_groups("Configuration fully stated by the source", complete);
  print_groups("All rows (blank cells take windtunnel's defaults)", all);
  if (!memory) print_groups("By software", by_software);
  print_rows(table, rows, scale, unit);
  return answered;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: bench_validation FOLDER\n");
    return 2;
  }
  try {
    const std::string folder = argv[1];
    const CsvTable training = CsvTable::load(folder + "/training.csv");
    const CsvTable memory = CsvTable::load(folder + "/memory.csv");
    const CsvTable serving = CsvTable::load(folder + "/serving.csv");
    fmt::print(
        "# Measured against predicted\n\n"
        "Written by `cmake --build build/release --target refresh_validation`; do not edit. Measured figures with "
        "their "
        "sources: [measured/training.csv](measured/training.csv), [measured/memory.csv](measured/memory.csv), "
        "[measured/serving.csv](measured/serving.csv).\n\n"
        "Devices and software generations are fitted to these rows (and to operator times), never a row, a model or a "
        "layout; so this is an in-sample error. Where runs of one spec differ (another container, another cluster, "
        "compiled "
        "or not), no model of the spec can be nearer than the floor in the last column.\n\n## Step time of training\n");
    bool answered = validate(training, "target_step_time_s", false, 1.0, "s");
    fmt::print("\n## Peak memory of one device\n");
    answered = validate(memory, "target_memory_bytes", true, kGibi, "GiB") && answered;
    fmt::print(
        "\n## Serving\n\nMedian error of each group and measure. *Constant*: the median of the group's other rows as "
        "the answer. *Measured again*: runs of one configuration on the same software generation, another container or "
        "patch or just another day; their median difference is the floor that no model of the spec gets below. With "
        "another software generation the model's profile changes too.\n");
    answered = windtunnel::bench::validate_serving(serving) && answered;
    return answered ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
