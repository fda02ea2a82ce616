// SPDX-License-Identifier: Apache-2.0
// A report as one page for people: opens from a disk, works offline, follows light and dark, prints.
#pragma once

#include <string>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// The answer first, then where time and memory go, the curves, the chains with their states, what moves the answer,
/// what it rests on. Every figure is followed by its numbers. Expects Detail::kDerivation; `version` goes into the
/// foot.
std::string html_report(const Report& report, const std::string& version);

}  // namespace windtunnel::modeling
