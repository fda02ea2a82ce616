// SPDX-License-Identifier: Apache-2.0
// A report as one line of JSON, for programs.
#pragma once

#include <string>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// One JSON object on one line, newline included: windtunnel (version), spec, study, title, finding, measures,
/// breakdown {group: {name: value}}, chains, sensitivities, assumptions, warnings, failure (null when answered).
/// Numbers round-trip; infinities are the strings "inf" and "-inf", unknown and NaN are null; keys keep their order.
std::string json_report(const Report& report, const std::string& version);

}  // namespace windtunnel::modeling
