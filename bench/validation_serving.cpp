// SPDX-License-Identifier: Apache-2.0
#include "bench/validation_serving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/spec_lines.h"
#include "modeling/evaluate.h"
#include "modeling/spec/read_spec.h"

namespace windtunnel::bench {

namespace {

using namespace modeling;

std::string engine_of(const std::string& software) {
  for (const auto& [word, engine] :
       {std::pair{"TensorRT", "trtllm"}, std::pair{"vLLM", "vllm"}, std::pair{"SGLang", "sglang"}})
    if (software.find(word) != std::string::npos) return fmt::format("  engine: {}\n", engine);
  return "";
}

std::string precision_text(const CsvTable& table, std::size_t row) {
  const std::string &weights = table.text(row, "precision_weights"), &cache = table.text(row, "precision_kv_cache");
  return fmt::format("  precision: {{weights: {}, kv_cache: {}}}\n", weights, cache.empty() ? weights : cache);
}

std::string tokens_text(const CsvTable& table, std::size_t row, const std::string& name) {
  const std::string& scv = table.text(row, name + "_scv");
  return fmt::format("{{mean: {}, scv: {}}}", table.text(row, name), scv.empty() ? "0" : scv);
}

std::string traffic_text(const CsvTable& table, std::size_t row) {
  const std::string& concurrency = table.text(row, "concurrency");
  std::string text = "traffic:\n";
  text += concurrency.empty() ? "  arrival_rate: " + table.text(row, "arrival_rate_per_s") + " /s\n"
                              : "  concurrency: " + concurrency + "\n";
  text += keys(table, row, {"requests"}, "  ");
  return text + fmt::format("  classes: [{{name: measured, prompt_tokens: {}, output_tokens: {}}}]\n",
                            tokens_text(table, row, "isl"), tokens_text(table, row, "osl"));
}

/// Without the software, and the software: together a spec.
struct SpecText {
  std::string configuration;
  std::string software;
  std::string whole() const { return configuration + software; }
};

SpecText spec_text(const CsvTable& table, std::size_t row) {
  const std::string& generation = table.text(row, "software_generation");
  const std::string cluster = "cluster:\n" + keys(table, row, {"device", "num_devices"}, "  ");
  const std::string rest =
      "study: serving\nmodel:\n" + keys(table, row, kModelKeys, "  ") + traffic_text(table, row) + "serving:\n" +
      precision_text(table, row) + keys(table, row, {"max_batch", "max_batched_tokens"}, "  ") + "  parallelism:\n" +
      keys(table, row, {"tensor", "pipeline", "expert", "data"}, "    ") + engine_of(table.text(row, "software"));
  return {rest + cluster, generation.empty() ? "" : "  software: " + generation + "\n"};
}

struct Row {
  std::size_t number = 0;
  std::string group, metric;
  SpecText spec;
  double measured = 0.0;
  double predicted = 0.0;
  double error() const { return predicted / measured - 1.0; }
};

double median(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

double median_error(const std::vector<Row>& rows) {
  std::vector<double> errors;
  for (const Row& row : rows) errors.push_back(std::abs(row.error()));
  return median(std::move(errors));
}

/// Of the median of the other rows as the answer.
double constant_error(const std::vector<Row>& rows) {
  std::vector<double> errors;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<double> others;
    for (std::size_t j = 0; j < rows.size(); ++j)
      if (j != i) others.push_back(rows[j].measured);
    if (!others.empty()) errors.push_back(std::abs(median(std::move(others)) / rows[i].measured - 1.0));
  }
  return median(std::move(errors));
}

/// |a - b| over their mean, of every pair of one configuration: with the same software, or with another generation.
std::vector<double> pair_differences(const std::vector<Row>& rows, bool same_software) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (rows[i].spec.configuration == rows[j].spec.configuration &&
          (rows[i].spec.software == rows[j].spec.software) == same_software)
        differences.push_back(2.0 * std::abs(rows[i].measured - rows[j].measured) /
                              (rows[i].measured + rows[j].measured));
  return differences;
}

std::string percent(double ratio) {
  return std::isfinite(ratio) ? fmt::format("{:.1f}", 100.0 * ratio) : "";
}

void print_groups(const std::map<std::pair<std::string, std::string>, std::vector<Row>>& groups) {
  fmt::print(
      "\n| group | measure | rows | model, % | constant, % | pairs measured again | their difference, % | pairs with "
      "other software | their difference, % |\n|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& [key, rows] : groups) {
    const std::vector<double> again = pair_differences(rows, true), other = pair_differences(rows, false);
    fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", key.first, key.second, rows.size(),
               percent(median_error(rows)), percent(constant_error(rows)), again.size(), percent(median(again)),
               other.size(), percent(median(other)));
  }
}

void print_rows(const CsvTable& table, const std::vector<Row>& rows) {
  fmt::print(
      "\n| id | device | model | tokens in, out | tensor x pipeline x expert x data | load | software | measure | "
      "measured | predicted | error, % |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    const auto cell = [&](const char* column) { return table.text(row.number, column); };
    const std::string load = cell("concurrency").empty() ? cell("arrival_rate_per_s") + " /s" : cell("concurrency");
    fmt::print("| {} | {} x {} | {} | {}, {} | {} x {} x {} x {} | {} | {} | {} | {:.4g} | {:.4g} | {:+.1f} |\n",
               cell("id"), cell("num_devices"), cell("device"), cell("model_name"), cell("isl"), cell("osl"),
               cell("tensor"), cell("pipeline"), cell("expert"), cell("data"), load, cell("software_generation"),
               row.metric, row.measured, row.predicted, 100.0 * row.error());
  }
}

/// Each distinct spec is answered once.
class Predictions {
 public:
  std::optional<double> operator()(const std::string& spec, const std::string& metric) {
    auto found = reports_.find(spec);
    if (found == reports_.end()) {
      const Spec parsed = read_spec(YamlDocument::parse(spec, "row.yaml"));
      found = reports_.emplace(spec, evaluate(parsed, {.detail = Detail::kMeasures})).first;
    }
    return find_measure(found->second, metric);
  }

 private:
  std::map<std::string, Report> reports_;
};

}  // namespace

bool validate_serving(const CsvTable& table) {
  std::map<std::pair<std::string, std::string>, std::vector<Row>> groups;
  std::vector<Row> rows;
  Predictions predictions;
  bool answered = true;
  for (std::size_t number = 0; number < table.rows(); ++number) {
    Row row{.number = number,
            .group = table.text(number, "group"),
            .metric = table.text(number, "metric"),
            .spec = spec_text(table, number),
            .measured = table.positive(number, "value")};
    const std::optional<double> predicted = predictions(row.spec.whole(), row.metric);
    if (!predicted) {
      fmt::print(stderr, "{}: no answer\n", table.text(number, "id"));
      answered = false;
      continue;
    }
    row.predicted = *predicted;
    groups[{row.group, row.metric}].push_back(row);
    rows.push_back(std::move(row));
  }
  print_groups(groups);
  print_rows(table, rows);
  return answered;
}

}  // namespace windtunnel::bench
