// SPDX-License-Identifier: Apache-2.0
// What a search ranks by.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modeling/report/report.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

struct SearchOptions {
  /// Empty: the study's. A measure of the study, `goodput` or `cost_per_token`, or a short name of theirs.
  std::string objective;
  /// Layouts kept.
  int top = 20;
  /// Threads; 0: one per core.
  int jobs = 0;
  /// Names of choices that stay as the spec has them ("tensor", "schedule" ...).
  std::vector<std::string> keep;
  /// Of one device for one hour, any currency: turns tokens/s into cost_per_token.
  double price_per_device_hour = 1.0;
  /// The same for single devices, by name.
  std::map<std::string, double> prices_per_device_hour;
  /// Serving: devices and numbers of them that are tried; empty: the spec's.
  std::vector<std::string> devices;
  std::vector<Count> num_devices;

  double price_of(const std::string& device) const {
    const auto own = prices_per_device_hour.find(device);
    return own == prices_per_device_hour.end() ? price_per_device_hour : own->second;
  }
};

struct Objective {
  /// Name of the measure, or goodput_tokens_per_s_per_device, cost_per_token, num_devices, cost_per_hour.
  std::string name;
  bool larger_is_better = true;
  double price_per_device_hour = 1.0;

  /// Empty: unknown for this answer.
  std::optional<double> value(const Report& report) const;
  /// True when `a` is better than `b`; an unknown value is worse than any.
  bool better(const std::optional<double>& a, const std::optional<double>& b) const;
};

/// Throws SearchError for a name that is no measure of the study, with the nearest one.
Objective find_objective(const SearchOptions& options, const Spec& spec);

/// Added to the measures of each layout: tokens per second and device that are never lost to failures (where the answer
/// knows its goodput), and the price of one token; of serving also that of a token at the largest load under the slo,
/// the devices and their price.
void add_derived_measures(Report& report, const Spec& spec, const SearchOptions& options);

}  // namespace windtunnel::modeling
