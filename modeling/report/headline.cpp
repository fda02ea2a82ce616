// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/headline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace windtunnel::modeling {
namespace {

constexpr double kNoEffect = 1e-4;
/// With a larger error relative to the elasticity the slopes of the two sides differ by more than a factor of nine.
constexpr double kMostError = 0.8;

/// Below its own noise an elasticity says nothing.
bool is_clear(const Sensitivity& one) {
  return one.elasticity && std::abs(*one.elasticity) >= kNoEffect &&
         one.elasticity_error.value_or(0.0) <= kMostError * std::abs(*one.elasticity);
}

/// With open arrivals the throughput is what arrives; its elasticity to the arrival rate is 1 and to the rest 0.
bool throughput_is_given(const Report& report) {
  return std::any_of(report.sensitivities.begin(), report.sensitivities.end(),
                     [](const Sensitivity& one) { return one.path == "traffic.arrival_rate"; });
}

}  // namespace

std::string headline_measure(const Report& report) {
  constexpr std::array<const char*, 5> kCandidates = {"tokens_per_s_per_device", "output_tokens_per_s_per_device",
                                                      "total_tokens_per_s", "ettr_ratio", "step_time_mean_s"};
  if (throughput_is_given(report) && find_measure(report, "ttft_p99_s")) return "ttft_p99_s";
  for (const char* candidate : kCandidates) {
    if (find_measure(report, candidate)) return candidate;
  }
  return "";
}

std::vector<Sensitivity> headline_sensitivities(const Report& report) {
  const std::string measure = headline_measure(report);
  std::vector<Sensitivity> found;
  for (const Sensitivity& one : report.sensitivities) {
    if (one.measure == measure && is_clear(one)) found.push_back(one);
  }
  std::stable_sort(found.begin(), found.end(), [](const Sensitivity& a, const Sensitivity& b) {
    return std::abs(*a.elasticity) > std::abs(*b.elasticity);
  });
  return found;
}

double relative_effect(const Sensitivity& sensitivity, double change) {
  return std::pow(1.0 + change, sensitivity.elasticity.value_or(0.0)) - 1.0;
}

bool smaller_is_better(const std::string& measure) {
  const bool rate = measure.ends_with("_per_s") || measure.find("_per_s_per_") != std::string::npos;
  return !rate && (measure.ends_with("_s") || measure.ends_with("_bytes") || measure.ends_with("_probability"));
}

std::string sensitivity_sentence(const Sensitivity& sensitivity) {
  const bool less_measure = smaller_is_better(sensitivity.measure);
  const bool more_input = (*sensitivity.elasticity > 0.0) != less_measure;
  const double effect = 100.0 * std::abs(relative_effect(sensitivity, more_input ? 0.1 : -0.1));
  return fmt::format("10 % {} {} {} {:.2g} % {} {}", more_input ? "more" : "less", sensitivity.path,
                     less_measure ? "cuts" : "buys", effect, less_measure ? "of" : "more", sensitivity.measure);
}

}  // namespace windtunnel::modeling
