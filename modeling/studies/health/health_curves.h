// SPDX-License-Identifier: Apache-2.0
// What a planner reads off a line: full size against spares, lost time against the checkpoint interval, the law
// of the end of the run.
#pragma once

#include <vector>

#include "modeling/studies/health/health_questions.h"

namespace windtunnel::modeling {

struct WorkPassage;

/// Share of time at full size with 0, 1, ... spares; no points where nodes do not fail.
Curve spares_curve(const JobHealth& health, const AvailabilityAnswer& answer);

/// What is missing to a productive ratio of 1, around the optimal interval; no points without a finite optimum above 0.
Curve interval_curve(const JobHealth& health, const AvailabilityAnswer& answer, const HealthQuestions& questions);

/// P(finished by t) from the earliest end on.
Curve end_curve(const WorkPassage& passage);

/// Those that have points.
void add_curves(std::vector<Curve> curves, Report& report);

}  // namespace windtunnel::modeling
