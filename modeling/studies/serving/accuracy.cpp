// SPDX-License-Identifier: Apache-2.0
// How exact the percentiles of the chains are: what their grids do, and how far the chains are from the batching rules.
#include <algorithm>
#include <array>
#include <cmath>

#include "modeling/chains/serving/fleet/serving_chain.h"
#include "modeling/studies/serving/serving.h"

namespace windtunnel::modeling {

namespace {

/// Points of coarser grids over the usual ones. An error of first order in the spacing is that of half the points less
/// that of all; the others guard against a percentile that two grids happen to share.
constexpr std::array<double, 4> kCoarser = {0.5, 0.6, 0.7, 0.85};
constexpr double kSafety = 1.5;
/// Half a cell of a law, relative: the least that is claimed.
constexpr double kHalfCell = 0.5 / 222.0;

struct Percentile {
  const char* name;
  double LatencyNumbers::*value;
};
constexpr std::array<Percentile, 3> kPercentiles = {
    {{"_p50_s", &LatencyNumbers::p50_s}, {"_p90_s", &LatencyNumbers::p90_s}, {"_p99_s", &LatencyNumbers::p99_s}}};

struct Latency {
  const char* name;
  LatencyNumbers ClassAnswer::*numbers;
};
constexpr std::array<Latency, 3> kLatencies = {
    {{"ttft", &ClassAnswer::ttft}, {"tpot", &ClassAnswer::tpot}, {"e2e", &ClassAnswer::e2e}}};

/// Null where a percentile is not finite.
std::optional<double> error_estimate(double value_s, const std::vector<double>& coarser_s) {
  double largest = 0.0;
  for (const double one : coarser_s) largest = std::max(largest, std::abs(one - value_s));
  const double estimate = kSafety * largest + kHalfCell * value_s;
  return std::isfinite(estimate) && std::isfinite(value_s) ? std::optional(estimate) : std::nullopt;
}

}  // namespace

Breakdown percentile_error_estimates(const ServingSystem& system, const RequestLimits& limits,
                                     const ServingAnswer& answer) {
  std::vector<ServingAnswer> coarser;
  for (const double resolution : kCoarser) coarser.push_back(solve_serving(system, limits, resolution));
  Breakdown breakdown{.name = "error_estimate"};
  for (std::size_t i = 0; i < answer.classes.size(); ++i) {
    const std::string prefix = i == 0 ? "" : "class." + answer.classes[i].name + ".";
    for (const Latency& latency : kLatencies) {
      for (const Percentile& percentile : kPercentiles) {
        const auto value = [&](const ServingAnswer& one) {
          return (one.classes[i].*latency.numbers).*percentile.value;
        };
        std::vector<double> values;
        for (const ServingAnswer& one : coarser) values.push_back(value(one));
        breakdown.entries.push_back({prefix + latency.name + percentile.name, error_estimate(value(answer), values)});
      }
    }
  }
  return breakdown;
}

void write_serving_accuracy(const PlacedServing& placed, const ServingAnswer& answer, Report& report) {
  if (!answer.failure.empty() || answer.model_error.empty()) return;
  report.breakdowns.push_back(percentile_error_estimates(placed.system, placed.limits, answer));
  report.breakdowns.push_back({.name = "model_error_ratio", .entries = answer.model_error});
}

}  // namespace windtunnel::modeling
