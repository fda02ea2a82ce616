// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "modeling/cluster/read_profile.h"
#include "modeling/spec/spec_error.h"
#include "modeling/studies/calibration/calibration.h"

namespace windtunnel::cli {
namespace {

using Json = nlohmann::ordered_json;
using modeling::Calibration;
using modeling::CsvTable;
using modeling::FittedCurve;

/// A key of the profile's `sources`: the file's name in letters, digits and dashes.
std::string source_key(const std::string& file) {
  std::string key;
  for (const char c : std::filesystem::path(file).stem().string()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool capital = c >= 'A' && c <= 'Z';
    key += plain ? c : capital ? static_cast<char>(c - 'A' + 'a') : '-';
  }
  return key.empty() ? "samples" : key;
}

std::vector<std::size_t> matching_rows(const CsvTable& samples, const std::vector<SampleFilter>& filters) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < samples.rows(); ++row) {
    bool keep = true;
    for (const SampleFilter& filter : filters) keep = keep && samples.text(row, filter.column) == filter.value;
    if (keep) rows.push_back(row);
  }
  return rows;
}

std::string as_profile(const Calibration& calibration, const std::string& file) {
  std::string text = fmt::format("# {} fitted to {}\n", calibration.device, file);
  for (const FittedCurve& curve : calibration.curves) {
    text += fmt::format("# {}: {} samples fitted, median error {:.1f} %; {} held out, median error {:.1f} %",
                        curve.place, curve.fitted_samples, 100.0 * curve.fitted_error, curve.held_out_samples,
                        100.0 * curve.held_out_error);
    if (curve.profile_error) text += fmt::format("; of the profile's own curve {:.1f} %", 100.0 * *curve.profile_error);
    if (curve.cached_samples > 0) text += fmt::format("; {} left out, faster than memory", curve.cached_samples);
    text += "\n";
  }
  const std::string key = source_key(file);
  return text + profile_fragment(calibration, key) +
         fmt::format("sources:\n  {}: {{title: measured operator times, where: \"{}\"}}\n", key,
                     std::filesystem::path(file).filename().string());
}

std::string as_json(const Calibration& calibration) {
  Json curves = Json::array();
  for (const FittedCurve& curve : calibration.curves) {
    Json figures = Json::object();
    for (const modeling::FittedFigure& figure : curve.figures) figures[figure.key] = figure.value;
    curves.push_back({{"place", curve.place},
                      {"figures", figures},
                      {"fitted_samples", curve.fitted_samples},
                      {"held_out_samples", curve.held_out_samples},
                      {"cached_samples", curve.cached_samples},
                      {"fitted_median_error_ratio", curve.fitted_error},
                      {"held_out_median_error_ratio", curve.held_out_error},
                      {"profile_median_error_ratio", curve.profile_error ? Json(*curve.profile_error) : Json()}});
  }
  return Json({{"device", calibration.device}, {"curves", curves}}).dump(2) + "\n";
}

}  // namespace

ExitCode answer(const CalibrateCommand& command) {
  require_separate_files({command.samples}, {command.output});
  try {
    const CsvTable samples = CsvTable::load(command.samples);
    modeling::Cluster cluster;
    cluster.device = command.device;
    const modeling::HardwareProfile profile = modeling::load_hardware_profile(cluster);
    const Calibration calibration = modeling::calibrate(samples, matching_rows(samples, command.filters), profile);
    write_output(command.format == Format::kJson ? as_json(calibration) : as_profile(calibration, command.samples),
                 command.output);
    return ExitCode::kAnswered;
  } catch (const modeling::SpecError& error) {
    print_message(error.what());
    return ExitCode::kBadInput;
  } catch (const modeling::NoAnswerError& error) {
    print_message(error.what());
    return ExitCode::kNoAnswer;
  }
}

}  // namespace windtunnel::cli
