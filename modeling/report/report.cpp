// SPDX-License-Identifier: Apache-2.0
#include "modeling/report/report.h"

namespace windtunnel::modeling {

std::optional<double> find_measure(const Report& report, const std::string& name) {
  for (const Measure& measure : report.measures) {
    if (measure.name == name) return measure.value;
  }
  return std::nullopt;
}

std::vector<Measure> numbers_of(const Report& report) {
  std::vector<Measure> numbers = report.measures;
  for (const Breakdown& group : report.breakdowns) {
    for (const Measure& entry : group.entries) numbers.push_back({group.name + "." + entry.name, entry.value});
  }
  for (const Sensitivity& one : report.sensitivities)
    numbers.push_back({"elasticity." + one.measure + "." + one.path, one.elasticity});
  if (report.model)
    for (const Measure& number : report.model->numbers) numbers.push_back({"model." + number.name, number.value});
  return numbers;
}

}  // namespace windtunnel::modeling
