// SPDX-License-Identifier: Apache-2.0
// What every solver says about its answer, besides the answer.
#pragma once
#include <optional>
#include <string>

namespace windtunnel::solvers {

enum class Termination {
  kNotCalled,
  /// The stopping rule was met.
  kConverged,
  /// The limit on iterations came first.
  kIterationLimit,
  /// Something underflowed, overflowed or became not-a-number.
  kNumericalFailure,
};

enum class Method {
  kNone,
  /// The solver chooses from the shape and the size of the chain.
  kAutomatic,
  /// Grassmann-Taksar-Heyman state reduction on a full matrix.
  kGth,
  /// The same inside the band of the matrix; for birth-death chains it is the product form.
  kBandedGth,
  /// The same on the pattern of its factors: sparse_reduction.h.
  kSparseGth,
  /// Gauss-Seidel sweeps, forward and backward in turn.
  kGaussSeidel,
  /// The same with corrections from aggregated chains: multilevel.h.
  kMultilevel,
  kUniformization,
  /// Squaring of transition matrices: time_doubling.h.
  kDoubling,
  /// Implicit steps through time: implicit_transient.h.
  kImplicit,
  /// The graph of the chain settles the answer.
  kGraph,
};

std::string to_string(Termination termination);
/// "gth", "banded_gth", "gauss_seidel", ...: one word, as a command line would take it.
std::string to_string(Method method);

/// Base of the results. Its defaults say that nothing happened yet.
struct SolveResult {
  Termination termination = Termination::kNotCalled;
  Method method_requested = Method::kAutomatic;
  Method method_used = Method::kNone;
  /// Sweeps or products; 0 for a direct method.
  long long iterations = 0;
  /// Proven bound on the error of the answer; each result says which error. Empty when none is known.
  std::optional<double> error_bound;
  /// Why the solver stopped, in one sentence.
  std::string message = "the solver was not called";

  bool usable() const { return termination == Termination::kConverged; }
};

}  // namespace windtunnel::solvers
