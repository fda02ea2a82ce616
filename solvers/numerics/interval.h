// SPDX-License-Identifier: Apache-2.0
// A number known between two bounds.
#pragma once

namespace windtunnel::solvers {

struct Interval {
  double lower = 0.0;
  double upper = 0.0;

  double width() const { return upper - lower; }
};

}  // namespace windtunnel::solvers
