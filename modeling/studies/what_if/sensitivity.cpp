// SPDX-License-Identifier: Apache-2.0
#include "modeling/studies/what_if/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "modeling/spec/spec_error.h"
#include "modeling/studies/what_if/parallel_for.h"

namespace windtunnel::modeling {
namespace {

/// Counts move in whole steps: a derivative says nothing about them.
bool is_count(const std::string& name) {
  return name.starts_with("spares_for_") || name == "memory_fits";
}

bool has_logarithm(const std::optional<double>& value) {
  return value && std::isfinite(*value) && *value > 0.0;
}

/// Small changes of an input drown in the noise of a simulation.
bool is_sampled(const Report& report) {
  return std::any_of(report.chains.begin(), report.chains.end(),
                     [](const ChainRecord& chain) { return chain.method_used == "event simulation"; });
}

/// Inverse questions under an SLO cost many answers each: they are left out.
bool is_inverse(const Spec& spec, const std::string& name) {
  return !spec.slo.empty() && (name == "max_arrival_rate_per_s" || name == "slo_met_ratio");
}

/// Empty where the changed question has no answer, or one that only a simulation gives.
std::optional<Report> report_at(const Spec& spec, const InputFigure& input, double factor, const Evaluate& evaluate) {
  Spec changed = spec;
  changed.slo.clear();
  input.set(changed, input.value * factor);
  try {
    Report report = evaluate(changed, Detail::kDirect);
    if (report.failure.empty() && !is_sampled(report)) return report;
  } catch (const std::exception&) {
    // No answer there: no sensitivity to this input.
  }
  return std::nullopt;
}

struct Sides {
  double low_factor = 1.0;
  double high_factor = 1.0;
  std::optional<Report> low;
  std::optional<Report> high;
};

Sides factors_of(const InputFigure& input) {
  return {.low_factor = input.only_more ? 1.0 : 1.0 - input.step_ratio, .high_factor = 1.0 + input.step_ratio};
}

void add_elasticities(const Spec& spec, const InputFigure& input, const Sides& sides, const Report& base,
                      std::vector<Sensitivity>& list) {
  if (!sides.low || !sides.high) return;
  const double below = -std::log(sides.low_factor), above = std::log(sides.high_factor);
  for (const Measure& measure : base.measures) {
    if (is_count(measure.name) || is_inverse(spec, measure.name) || !has_logarithm(measure.value)) continue;
    const auto low = find_measure(*sides.low, measure.name);
    const auto high = find_measure(*sides.high, measure.name);
    if (!has_logarithm(low) || !has_logarithm(high)) continue;
    std::optional<double> error;
    if (!input.only_more)
      error = 0.5 * std::abs(std::log(*high / *measure.value) / above - std::log(*measure.value / *low) / below);
    list.push_back({.path = input.path,
                    .measure = measure.name,
                    .elasticity = std::log(*high / *low) / (above + below),
                    .input_value = input.value,
                    .method = input.only_more ? "forward_difference" : "central_difference",
                    .step_ratio = input.step_ratio,
                    .elasticity_error = error});
  }
}

}  // namespace

std::vector<Sensitivity> find_sensitivities(const Spec& spec, const Report& report, const Evaluate& evaluate,
                                            int jobs) {
  std::vector<Sensitivity> list;
  if (!report.failure.empty() || is_sampled(report)) return list;
  const std::vector<InputFigure> inputs = continuous_inputs(spec);
  std::vector<Sides> sides;
  for (const InputFigure& input : inputs) sides.push_back(factors_of(input));
  parallel_for(2 * inputs.size(), jobs, [&](std::size_t task) {
    const std::size_t i = task / 2;
    Sides& own = sides[i];
    if (task % 2 == 1) own.high = report_at(spec, inputs[i], own.high_factor, evaluate);
    if (task % 2 == 0) own.low = own.low_factor == 1.0 ? report : report_at(spec, inputs[i], own.low_factor, evaluate);
  });
  for (std::size_t i = 0; i < inputs.size(); ++i) add_elasticities(spec, inputs[i], sides[i], report, list);
  return list;
}

}  // namespace windtunnel::modeling
