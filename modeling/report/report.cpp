// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/report.h"

namespace windtunnel::modeling {

std::optional<double> find_measure(const Report& report, const std::string& name) {
  for (const Measure& measure : report.measures) {
    if (measure.name == name) return measure.value;
  }
  return std::nullopt;
}

}  // namespace windtunnel::modeling
