// SPDX-License-Identifier: Apache-2.0
#include "cli/sweep_journal.h"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "modeling/report/json_number.h"

namespace windtunnel::cli {
namespace {

using Json = nlohmann::ordered_json;
using modeling::SweepRow;

double number(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  return json == "inf" ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
}

std::string line_of(std::size_t point, const SweepRow& row) {
  Json numbers = Json::object();
  for (std::size_t i = 0; i < row.names->size(); ++i) numbers[(*row.names)[i]] = modeling::json_number(row.values[i]);
  const Json line = {
      {"point", point},           {"ok", row.ok},      {"bad_input", row.bad_input}, {"status", row.status},
      {"warnings", row.warnings}, {"numbers", numbers}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

SweepRow row_of(const Json& line) {
  SweepRow row{.status = line.at("status"),
               .ok = line.at("ok"),
               .warnings = line.value("warnings", ""),
               .bad_input = line.at("bad_input")};
  std::vector<std::string> names;
  for (const auto& [name, value] : line.at("numbers").items()) {
    names.push_back(name);
    row.values.push_back(number(value));
  }
  row.names = std::make_shared<const std::vector<std::string>>(std::move(names));
  return row;
}

}  // namespace

SweepJournal::SweepJournal(std::string path, const std::string& question, std::size_t points)
    : path_(std::move(path)), known_(points) {
  const std::string header = fmt::format("windtunnel sweep {:016x}", std::hash<std::string>{}(question));
  read(header);
  file_ = std::fopen(path_.c_str(), known_count_ > 0 ? "a" : "w");
  if (!file_) throw OutputError(fmt::format("cannot write '{}': {}", path_, std::strerror(errno)));
  // A line that was cut short must not swallow the first new one.
  fmt::print(file_, "{}", known_count_ > 0 ? "\n" : header + "\n");
}

SweepJournal::~SweepJournal() {
  if (file_) std::fclose(file_);
}

void SweepJournal::read(const std::string& header) {
  std::ifstream file(path_);
  std::string line;
  if (!std::getline(file, line) || line != header) return;
  while (std::getline(file, line)) read_line(line);
}

void SweepJournal::read_line(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return;
  const std::size_t point = json.value("point", known_.size());
  if (point >= known_.size()) return;
  if (!known_[point]) ++known_count_;
  known_[point] = row_of(json);
}

void SweepJournal::add(std::size_t point, const SweepRow& row) {
  const std::string line = line_of(point, row);
  std::fwrite(line.data(), 1, line.size(), file_);
  std::fflush(file_);
}

void SweepJournal::remove() {
  std::remove(path_.c_str());
}

}  // namespace windtunnel::cli
