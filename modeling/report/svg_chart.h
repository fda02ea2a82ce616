// SPDX-License-Identifier: Apache-2.0
// Lines and bars as SVG, drawn for a width of 480 units so that text stays readable on a phone.
#pragma once

#include <string>

#include "modeling/report/report.h"

namespace windtunnel::modeling {

/// Axes with round ticks in readable units, the points joined (or as bars), each with a tooltip where they are few.
/// Empty for fewer than two points.
std::string svg_curve(const Curve& curve);

/// Round numbers from `low` to `high`, about `count` of them, in steps of 1, 2 or 5 times a power of ten.
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace windtunnel::modeling
