// SPDX-License-Identifier: Apache-2.0
// Repeats a correction, plainly or with Anderson mixing, until the residual is small.
#pragma once
#include "solvers/chain/partial_chain.h"
#include "solvers/linear/multilevel_correction.h"

namespace windtunnel::solvers {

struct CorrectionOptions {
  int max_iterations = 20;
  int iterations_per_check = 5;
  /// Anderson mixing of that many steps; 0: none.
  int mixing_depth = 0;
  /// Stop when the residual has shrunk by this factor,
  double reduction = 1e-6;
  /// or is at most this in every state.
  double target_per_s = 0.0;
};

struct CorrectionOutcome {
  /// The correction found.
  Vector d;
  /// Size of the residual over its first size, at each check.
  std::vector<double> reductions;
  int iterations = 0;
};

/// Approximates the d with exit d - rates d = residual, in a closed chain up to a constant residual. Mixing finds the
/// constant by itself. Without mixing the residual should average to 0 in the stationary distribution: what is left of
/// a constant is not corrected, it drifts.
CorrectionOutcome repeat_correction(const PartialChain& chain, const Correction& correction, const Vector& residual,
                                    const CorrectionOptions& options);

}  // namespace windtunnel::solvers
