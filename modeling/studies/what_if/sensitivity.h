// SPDX-License-Identifier: Apache-2.0
// Which input moves which answer, and by how much.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "modeling/report/report.h"
#include "modeling/spec/spec.h"
#include "modeling/studies/what_if/evaluator.h"

namespace windtunnel::modeling {

/// A number the answer depends on, stated in the spec or taken from the profile, that can be turned a little.
struct InputFigure {
  /// As `--set` takes it.
  std::string path;
  /// In effect, SI.
  double value = 0.0;
  std::function<void(Spec&, double)> set;
  /// Relative change to each side. Larger in serving, whose percentiles come from cells half a percent wide, and for
  /// token counts, which are whole numbers.
  double step_ratio = 1e-3;
  /// The input may not become smaller (oversubscription 1): one side only.
  bool only_more = false;
};

/// Every continuous input of the spec's study above 0, profile figures included. Throws SpecError as load_machine does.
std::vector<InputFigure> continuous_inputs(const Spec& spec);

/// Elasticities of all measures of `report` (the answer to `spec`) to all inputs: central differences, the step beside
/// each, error of the order step^2 away from kinks and jumps; `elasticity_error` tells them. A measure that is unknown,
/// infinite, zero, or a count that jumps has none and is left out. `jobs`: threads, 0 one per core.
std::vector<Sensitivity> find_sensitivities(const Spec& spec, const Report& report, const Evaluate& evaluate,
                                            int jobs = 0);

}  // namespace windtunnel::modeling
