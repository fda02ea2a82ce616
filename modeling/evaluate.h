// SPDX-License-Identifier: Apache-2.0
// From a spec to its report: the whole tool as one function.
#pragma once

#include <optional>

#include "modeling/report/report.h"
#include "modeling/spec/spec.h"

namespace windtunnel::modeling {

struct EvaluateOptions {
  /// Serving: answer by event simulation of this many requests instead of the chains, >= 40.
  std::optional<Count> simulated_requests;
  /// Training: also draw one step (`Report::timeline`).
  bool timeline = false;
  /// How much of the report is written; the numbers do not depend on it.
  Detail detail = Detail::kAnswer;
};

/// Answers the question of `spec`. A question without an answer (does not fit, not modelled, not converged) comes back
/// as a report with `failure` set and whatever is known; wrong input (unknown device, ...) throws SpecError.
Report evaluate(const Spec& spec, const EvaluateOptions& options = {});

/// The same as the studies that ask many times take it (modeling/studies/what_if/evaluator.h).
inline Report evaluate_in_detail(const Spec& spec, Detail detail) {
  return evaluate(spec, {.detail = detail});
}

}  // namespace windtunnel::modeling
