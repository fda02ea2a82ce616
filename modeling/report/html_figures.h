// SPDX-License-Identifier: Apache-2.0
// The figures of the report page that are boxes: stacks and the tornado.
#pragma once

#include <string>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// The parts of a whole as one bar with a legend, largest first; empty when they make no whole (a part is negative or
/// all are zero).
std::string html_stack(const Breakdown& group);

/// What 10 % more of each input does to the headline measure, largest first, at most `most` rows; green where that is
/// good. Empty without sensitivities.
std::string html_tornado(const Report& report, std::size_t most = 12);

/// True for breakdowns whose entries are parts of one whole: shares that sum to 1, bytes, counts of causes.
bool is_stack(const Breakdown& group);

}  // namespace windtunnel::modeling
