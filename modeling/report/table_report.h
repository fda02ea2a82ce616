// SPDX-License-Identifier: Apache-2.0
// A report for people: plain text that fits a terminal.
#pragma once

#include <string>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

struct TableOptions {
  /// ANSI colour for headings and bars; nothing is said by colour alone.
  bool colour = false;
};

/// Title, finding, measures in readable units, breakdowns with bars where the parts make a whole, one line per chain.
/// Warnings are not part of it: the caller prints them where they belong.
std::string table_report(const Report& report, const TableOptions& options = {});

}  // namespace windtunnel::modeling
