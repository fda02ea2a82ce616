// SPDX-License-Identifier: Apache-2.0
// Numbers of a report by name; a missing one fails the test.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "modeling/report/report.h"
#include "test/catch.h"

namespace windtunnel::modeling {

inline double value(const Report& report, const std::string& name) {
  INFO(name << " " << report.failure);
  const auto found = find_measure(report, name);
  REQUIRE(found);
  return *found;
}

inline const Breakdown& breakdown(const Report& report, const std::string& name) {
  INFO(name << " " << report.failure);
  const auto found = std::find_if(report.breakdowns.begin(), report.breakdowns.end(),
                                  [&](const Breakdown& group) { return group.name == name; });
  REQUIRE(found != report.breakdowns.end());
  return *found;
}

inline double entry(const Report& report, const std::string& group, const std::string& name) {
  for (const Measure& measure : breakdown(report, group).entries)
    if (measure.name == name && measure.value) return *measure.value;
  throw std::runtime_error("no " + group + "." + name);
}

inline double sum(const Report& report, const std::string& group) {
  double total = 0;
  for (const Measure& measure : breakdown(report, group).entries) total += *measure.value;
  return total;
}

}  // namespace windtunnel::modeling
