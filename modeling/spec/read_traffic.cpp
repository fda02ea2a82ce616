// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "modeling/spec/read_blocks.h"

namespace windtunnel::modeling {
namespace {

// Shares are written with a few decimals, such as 0.333 three times with 0.334.
constexpr double kShareTolerance = 1e-6;
constexpr Count kLargestPriority = 1'000'000;
// Counts of a year per second.
constexpr double kMostDispersion = 1e8;

TokenCount read_tokens(const YamlValue& value) {
  if (!value.is_map()) return {value.number(1.0, static_cast<double>(kMostTokens)), 0.0};
  YamlReader block = value.map();
  TokenCount tokens;
  tokens.mean = block.require("mean").number(1.0, static_cast<double>(kMostTokens));
  tokens.scv = block.number("scv", 0.0, kMostSpread, 0.0);
  block.finish();
  return tokens;
}

TrafficClass read_class(YamlReader block, std::size_t position) {
  TrafficClass traffic_class;
  traffic_class.name = block.text("name", fmt::format("class{}", position + 1));
  traffic_class.share = block.number("share", 0.0, 1.0, 1.0);
  traffic_class.priority = static_cast<int>(block.count("priority", -kLargestPriority, kLargestPriority, 0));
  traffic_class.prompt_tokens = read_tokens(block.require("prompt_tokens"));
  traffic_class.output_tokens = read_tokens(block.require("output_tokens"));
  block.finish();
  return traffic_class;
}

void check_names(const std::vector<TrafficClass>& classes, const std::vector<YamlValue>& values) {
  for (std::size_t i = 0; i < classes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (classes[i].name != classes[j].name) continue;
      throw SpecError(values[i].map().location_of("name"),
                      fmt::format("two classes are called {}", in_quotes(classes[i].name)));
    }
  }
}

void check_shares(const std::vector<TrafficClass>& classes, const YamlValue& list) {
  double sum = 0.0;
  for (const TrafficClass& traffic_class : classes) sum += traffic_class.share;
  if (std::abs(sum - 1.0) > kShareTolerance)
    list.fail(fmt::format("shares of the classes sum to {:.6g}, expected 1", sum));
}

/// Where prompts of every class always wait, only the first priority would ever be served.
void check_priorities(const Traffic& traffic, const YamlValue& list) {
  if (!traffic.unlimited_concurrency || traffic.requests) return;
  const std::vector<YamlValue> values = list.list();
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (traffic.classes[i].priority == traffic.classes.front().priority) continue;
    throw SpecError(values[i].map().location_of("priority"),
                    "found different priorities with concurrency: unlimited, where only the first would ever be "
                    "served, expected one priority, or 'requests'");
  }
}

std::vector<TrafficClass> read_classes(const YamlValue& list) {
  const std::vector<YamlValue> values = list.list();
  if (values.empty()) list.fail("found an empty list, expected at least one class");
  std::vector<TrafficClass> classes;
  for (const YamlValue& value : values) classes.push_back(read_class(value.map(), classes.size()));
  check_names(classes, values);
  check_shares(classes, list);
  return classes;
}

void read_concurrency(const YamlValue& value, Traffic& traffic) {
  traffic.unlimited_concurrency = value.is_scalar() && value.text() == "unlimited";
  if (!traffic.unlimited_concurrency) traffic.concurrency = value.count(1, kMostTokens);
}

// Exactly one of the three says how requests come.
void read_arrivals(YamlReader& block, Traffic& traffic) {
  const auto concurrency = block.find("concurrency");
  const auto rate = block.find("arrival_rate");
  const auto trace = block.find("trace");
  const int given = int{concurrency.has_value()} + int{rate.has_value()} + int{trace.has_value()};
  if (given != 1) {
    throw SpecError(block.location(),
                    fmt::format("{} of concurrency, arrival_rate and trace are given, expected exactly one",
                                given == 0 ? "none" : std::to_string(given)));
  }
  if (concurrency) read_concurrency(*concurrency, traffic);
  if (rate) traffic.arrival_rate_per_s = rate->positive_quantity(Dimension::kRate);
  if (trace) traffic.trace_file = resolved_path(*trace);
}

void read_arrival_scv(YamlReader& block, Traffic& traffic) {
  const auto scv = block.find("arrival_scv");
  if (!scv) return;
  if (!traffic.arrival_rate_per_s) scv->fail("arrival_scv needs arrival_rate");
  traffic.arrival_scv = scv->number(0.0, kMostSpread);
}

/// What two levels of the rate can reach.
void check_bursts(const YamlValue& correlation_or_dispersion, const Traffic& traffic) {
  const double scv = traffic.arrival_scv, most = 0.5 * (scv - 1.0) / scv;
  if (!traffic.arrival_rate_per_s || scv <= 1.0)
    correlation_or_dispersion.fail(
        fmt::format("{} needs arrival_rate and an arrival_scv above 1",
                    traffic.arrival_correlation ? "arrival_correlation" : "arrival_dispersion"));
  if (traffic.arrival_correlation.value_or(0.0) >= most)
    correlation_or_dispersion.fail(
        fmt::format("found a correlation of {}, expected one below (scv - 1) / (2 scv) = {:.4g}",
                    *traffic.arrival_correlation, most));
  if (traffic.arrival_dispersion.value_or(scv) < scv)
    correlation_or_dispersion.fail(
        fmt::format("found a dispersion of {}, expected at least arrival_scv, {}", *traffic.arrival_dispersion, scv));
}

void read_bursts(YamlReader& block, Traffic& traffic) {
  const auto correlation = block.find("arrival_correlation");
  const auto dispersion = block.find("arrival_dispersion");
  if (correlation && dispersion)
    dispersion->fail("arrival_dispersion beside arrival_correlation, expected at most one of them");
  if (correlation) traffic.arrival_correlation = correlation->number(0.0, 0.5);
  if (dispersion) traffic.arrival_dispersion = dispersion->number(1.0, kMostDispersion);
  if (correlation) check_bursts(*correlation, traffic);
  if (dispersion) check_bursts(*dispersion, traffic);
}

}  // namespace

Traffic read_traffic(YamlReader block) {
  Traffic traffic;
  read_arrivals(block, traffic);
  read_arrival_scv(block, traffic);
  read_bursts(block, traffic);
  traffic.requests = block.optional_count("requests", 1, kMostTokens);
  const auto classes = traffic.trace_file.empty() ? std::optional(block.require("classes")) : block.find("classes");
  if (classes && !traffic.trace_file.empty())
    classes->fail("a trace holds its own requests, 'classes' cannot stand beside it");
  if (classes) traffic.classes = read_classes(*classes);
  if (classes) check_priorities(traffic, *classes);
  block.finish();
  return traffic;
}

ServiceLevelObjective read_slo(YamlReader block) {
  ServiceLevelObjective limits;
  for (const char* measure : {"ttft", "tpot", "e2e"}) {
    for (const char* statistic : {"mean", "p50", "p90", "p99"}) {
      const std::string key = fmt::format("{}_{}", measure, statistic);
      if (const auto limit = block.find(key)) limits[key] = limit->positive_quantity(Dimension::kTime);
    }
  }
  block.finish();
  return limits;
}

}  // namespace windtunnel::modeling
