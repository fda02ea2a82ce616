// SPDX-License-Identifier: Apache-2.0
// The measures every answer of a study names, known or not: what scripts and spreadsheets may rely on.
#pragma once

#include <string>
#include <vector>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// Names in their stable order for "training", "serving" or "availability"; empty for any other study.
std::vector<std::string> required_measures(const std::string& study);

/// Appends the required measures the report lacks, as unknown: an answer that failed keeps its shape.
void add_unknown_measures(Report& report);

}  // namespace windtunnel::modeling
