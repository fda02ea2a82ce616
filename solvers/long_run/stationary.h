// SPDX-License-Identifier: Apache-2.0
// Stationary distribution of an irreducible continuous-time Markov chain: the pi with pi Q = 0, sum(pi) = 1.
// A chain that is not irreducible: solvers/long_run/long_run.h.
#pragma once
#include "solvers/chain/generator.h"
#include "solvers/numerics/solve_result.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

struct StationaryOptions {
  /// kAutomatic, kGth, kBandedGth, kGaussSeidel or kMultilevel.
  Method method = Method::kAutomatic;
  /// Iterations stop when max_i |(pi Q)_i| <= tolerance * max_i |Q_ii|. Must be > 0. The default is a few hundred
  /// times the rounding error of that residual.
  double tolerance = 1e-12;
  /// Sweeps (each forward and back) or cycles. Must be >= 1.
  long long max_iterations = 20'000;
};

struct StationarySolution : SolveResult {
  /// Probability of each state, >= 0, sums to 1. Only meaningful when usable().
  Vector probability;
  /// max_i |(pi Q)_i| of the returned vector.
  double residual_per_s = 0.0;
  double max_exit_rate_per_s = 0.0;

  /// residual_per_s / max_exit_rate_per_s; 0 for a chain without transitions.
  double residual_ratio() const;
};

/// Chooses by shape and size: state reduction (Grassmann, Taksar, Heyman 1985) inside the band where states x band^2 is
/// affordable, on the full matrix up to 2,000 states, above by multilevel
/// aggregation around alternating Gauss-Seidel sweeps, or by sweeps alone should the cycles stall.
/// After a reduction, error_bound bounds the relative error of every entry; after iterations none is known: a residual
/// says nothing about the error of a stiff chain (long_run_average.h gives bounds that hold in any case). Throws
/// ChainError when the chain is not irreducible, std::invalid_argument for impossible options.
StationarySolution solve_stationary(const Generator& q, const StationaryOptions& options = {});

}  // namespace windtunnel::solvers
