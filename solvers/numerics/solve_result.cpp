// SPDX-License-Identifier: Apache-2.0
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

std::string to_string(Termination termination) {
  switch (termination) {
    case Termination::kNotCalled:
      return "not_called";
    case Termination::kConverged:
      return "converged";
    case Termination::kIterationLimit:
      return "iteration_limit";
    case Termination::kNumericalFailure:
      return "numerical_failure";
  }
  return "unknown";
}

std::string to_string(Method method) {
  switch (method) {
    case Method::kNone:
      return "none";
    case Method::kAutomatic:
      return "automatic";
    case Method::kGth:
      return "gth";
    case Method::kBandedGth:
      return "banded_gth";
    case Method::kSparseGth:
      return "sparse_gth";
    case Method::kGaussSeidel:
      return "gauss_seidel";
    case Method::kMultilevel:
      return "multilevel";
    case Method::kUniformization:
      return "uniformization";
    case Method::kImplicit:
      return "implicit";
    case Method::kDoubling:
      return "doubling";
    case Method::kGraph:
      return "graph";
  }
  return "unknown";
}

}  // namespace windtunnel::solvers
