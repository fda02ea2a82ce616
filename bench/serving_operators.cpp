// SPDX-License-Identifier: Apache-2.0
// How far the serving kernels' cost models are from measured kernels: median |predicted / measured - 1| per device.
//
//   bench_serving_operators FOLDER
//
// FOLDER holds the columns of the public kernel database (docs/serving_costs.md): aic_attn_generation_*.csv,
// aic_collectives_all_gpus.csv, aic_moe_selected.csv. Decode attention is shown for every third pair of query and
// key-value heads alone, which the fit did not see.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "modeling/cluster/machine.h"
#include "modeling/costs/engine_all_reduce.h"
#include "modeling/costs/operator_cost.h"
#include "modeling/costs/serving_attention.h"
#include "modeling/workload/serving_layer.h"

namespace {

using namespace windtunnel::modeling;
namespace fs = std::filesystem;

const std::map<std::string, std::string>& device_names() {
  static const std::map<std::string, std::string> kNames = {
      {"a100_sxm", "a100-sxm-80gb"},  {"h100_sxm", "h100-sxm-80gb"},
      {"h200_sxm", "h200-sxm-141gb"}, {"b200_sxm", "b200-sxm-180gb"},
      {"b300_sxm", "b300-sxm-288gb"}, {"gb200", "gb200-nvl72"},
      {"l40s", "l40s-48gb"},          {"rtx_pro_6000_server", "rtx-pro-6000-96gb"}};
  return kNames;
}

Machine machine_of(const std::string& gpu) {
  std::vector<std::string> warnings;
  Cluster cluster;
  cluster.device = device_names().at(gpu);
  cluster.software = "trtllm-1.3";
  return load_machine(cluster, Study::kServing, warnings);
}

using Row = std::map<std::string, std::string>;

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) found.push_back(cell);
  return found;
}

std::vector<Row> rows_of(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> names = cells(line);
  std::vector<Row> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> values = cells(line);
    Row row;
    for (std::size_t i = 0; i < std::min(names.size(), values.size()); ++i) row[names[i]] = values[i];
    rows.push_back(std::move(row));
  }
  return rows;
}

double number(const Row& row, const char* name) {
  return std::stod(row.at(name));
}

using Errors = std::map<std::string, std::vector<double>>;

void print(const char* title, Errors& errors) {
  for (auto& [device, of_device] : errors) {
    std::sort(of_device.begin(), of_device.end());
    double sum = 0.0;
    for (const double error : of_device) sum += error;
    const double count = static_cast<double>(of_device.size());
    fmt::print("{:42} {:22} {:4} rows  median {:5.1f} %  mean {:5.1f} %\n", title, device, of_device.size(),
               100.0 * of_device[of_device.size() / 2], 100.0 * sum / count);
  }
}

/// Every third pair of heads, in order.
std::set<std::pair<double, double>> held_out(const std::vector<Row>& rows) {
  std::set<std::pair<double, double>> pairs;
  for (const Row& row : rows) pairs.insert({number(row, "num_heads"), number(row, "num_kv_heads")});
  std::set<std::pair<double, double>> out;
  int index = 0;
  for (const auto& pair : pairs) {
    if (index++ % 3 == 2) out.insert(pair);
  }
  return out;
}

double decode_error(const Row& row, const Machine& machine) {
  AttentionShape shape;
  shape.query_heads = number(row, "num_heads");
  shape.key_value_heads = number(row, "num_kv_heads");
  shape.cached_width = 2.0 * number(row, "head_dim");
  shape.decode_flop = shape.prefill_flop = 2.0 * shape.cached_width;
  shape.cache_precision = row.at("kv_cache_dtype") == "fp8" ? Precision::kFp8 : Precision::kBf16;
  const double sequences = number(row, "batch_size");
  const double predicted_s = AttentionClock(shape, 1.0, machine).decode_s(sequences, sequences * number(row, "kv_len"));
  return std::abs(predicted_s / (1e-3 * number(row, "latency_ms")) - 1.0);
}

void decode_attention(const fs::path& folder) {
  Errors all, large;
  for (const auto& [gpu, device] : device_names()) {
    const Machine machine = machine_of(gpu);
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.path().filename().string().starts_with("aic_attn_generation_" + gpu + "_")) continue;
      const std::vector<Row> rows = rows_of(entry.path());
      const auto out = held_out(rows);
      for (const Row& row : rows) {
        if (!out.contains({number(row, "num_heads"), number(row, "num_kv_heads")})) continue;
        const double error = decode_error(row, machine);
        all[device].push_back(error);
        if (number(row, "latency_ms") >= 0.05) large[device].push_back(error);
      }
    }
  }
  print("decode attention, unseen heads", all);
  print("decode attention, unseen heads, >= 50 us", large);
}

void all_reduce(const fs::path& folder) {
  Errors errors;
  for (const Row& row : rows_of(folder / "aic_collectives_all_gpus.csv")) {
    const bool engine = row.at("lib").starts_with("custom");
    if (row.at("op_name") != "all_reduce" || !engine || number(row, "bytes") > 134217728.0) continue;
    const Machine machine = machine_of(row.at("gpu"));
    const double predicted_s = engine_all_reduce_s(number(row, "num_gpus"), number(row, "bytes"), machine.profile);
    errors[machine.profile.name].push_back(std::abs(predicted_s / (1e-3 * number(row, "latency_ms")) - 1.0));
  }
  print("engine all-reduce up to 128 MiB", errors);
}

double experts_s(const Row& row, Precision precision, const Machine& machine) {
  Model model{.num_hidden_layers = 1, .hidden_size = static_cast<Count>(number(row, "hidden_size"))};
  model.num_attention_heads = model.num_key_value_heads = 64;
  model.head_dim = 128;
  model.vocab_size = 1000;
  model.num_experts = static_cast<Count>(number(row, "num_experts"));
  model.num_experts_per_tok = static_cast<Count>(number(row, "topk"));
  model.moe_intermediate_size = static_cast<Count>(number(row, "inter_size"));
  Serving serving;
  serving.weights = precision;
  ServingPool pool;
  pool.parallelism.expert = static_cast<Count>(number(row, "moe_ep_size"));
  pool.parallelism.tensor = static_cast<Count>(number(row, "moe_tp_size")) * pool.parallelism.expert;
  double sum_s = 0.0;
  for (const Operator& op : serving_operators(model, serving, pool, Segment::kExpertLayer, number(row, "num_tokens"))) {
    const bool grouped = op.name.starts_with("experts") || op.name == "permute tokens" || op.name == "weigh and add";
    if (grouped) sum_s += operator_cost(op, machine.profile, machine.software).mean_s;
  }
  return sum_s;
}

void experts(const fs::path& folder) {
  static const std::map<std::string, Precision> kFormats = {
      {"bfloat16", Precision::kBf16}, {"fp8", Precision::kFp8}, {"nvfp4", Precision::kNvfp4}};
  Errors errors;
  for (const Row& row : rows_of(folder / "aic_moe_selected.csv")) {
    const auto format = kFormats.find(row.at("moe_dtype"));
    if (format == kFormats.end() || row.at("distribution") != "balanced") continue;
    const Machine machine = machine_of(row.at("gpu"));
    const double predicted_s = experts_s(row, format->second, machine);
    errors[machine.profile.name + " " + format->first].push_back(
        std::abs(predicted_s / (1e-3 * number(row, "latency_ms")) - 1.0));
  }
  print("experts of one layer, balanced, no fit", errors);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !fs::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: bench_serving_operators FOLDER (see docs/serving_costs.md)\n");
    return 2;
  }
  decode_attention(argv[1]);
  all_reduce(argv[1]);
  experts(argv[1]);
  return 0;
}
