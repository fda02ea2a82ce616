// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/property.h"

namespace windtunnel::solvers {

std::string to_string(QueryKind kind) {
  switch (kind) {
    case QueryKind::kProbability:
      return "P";
    case QueryKind::kSteadyState:
      return "S";
    case QueryKind::kReward:
      return "R";
    case QueryKind::kPassageTime:
      return "T";
  }
  return "";
}

}  // namespace windtunnel::solvers
