// SPDX-License-Identifier: Apache-2.0
// Populations of N interchangeable members: the state counts how many members are in each of d conditions, and a few
// classes of transitions move fixed numbers of them at rates N f(counts / N). For large N the shares follow a
// differential equation (fluid, or mean-field, limit), and the stationary mean differs from its fixed point by V / N,
// so that a few dozen members are already well described.
//
// Sources: Kurtz, Journal of Applied Probability 7, 1970 (limit); Gast, Van Houdt, Proceedings of the ACM on
// Measurement and Analysis of Computing Systems 1(2), 2017 (refined mean field).
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "solvers/chain/explore.h"
#include "solvers/linear/m_matrix.h"

namespace windtunnel::solvers {

/// A density-dependent family of chains, one for each N.
struct PopulationProcess {
  struct TransitionClass {
    /// Change of the counts, d whole numbers.
    Eigen::VectorXi change;
    /// Rate per member at shares x (d numbers, counts / N), >= 0; smooth near the fixed point for the refinement.
    std::function<double(const Vector& x)> rate_per_s;
  };
  std::vector<TransitionClass> transitions;
};

/// d x / dt of the limit: the sum of change times rate.
Vector drift_per_s(const PopulationProcess& process, const Vector& x);

struct FluidOptions {
  /// Local error per step, absolute (shares are of order 1). > 0.
  double tolerance = 1e-9;
  int max_steps = 1'000'000;
};

struct FluidPath {
  /// Shares at each time asked for.
  std::vector<Vector> shares;
  /// Sum of the local error estimates: an indication of the size of the error, not a bound.
  double estimated_error = 0.0;
  int steps = 0;
  bool has_converged = false;
  std::string message = "the path was not computed";

  bool usable() const { return has_converged; }
};

/// Integrates the limit from `initial` at 0 through times_s (increasing, >= 0). Dormand, Prince, Journal of
/// Computational and Applied Mathematics 6, 1980 (order 5 with error estimate of order 4), step control as in Hairer,
/// Norsett, Wanner, Solving Ordinary Differential Equations I, section II.4.
FluidPath fluid_path(const PopulationProcess& process, const Vector& initial, const std::vector<double>& times_s,
                     const FluidOptions& options = {});

struct MeanFieldSolution {
  /// Fixed point: the limit of the mean shares.
  Vector share;
  /// V: the mean share for N members is share + V / N + O(1 / N^2).
  Vector correction;
  /// W: N times the covariance of the shares, in the limit.
  Matrix covariance;
  /// Largest |drift| at `share`.
  double residual_per_s = 0.0;
  /// Largest real part of an eigenvalue of the drift's derivative; < 0 or the fixed point is not stable.
  double slowest_decay_per_s = 0.0;
  bool has_converged = false;
  std::string message = "the fixed point was not computed";

  bool usable() const { return has_converged; }
  /// Mean shares for N members, first order corrected.
  Vector refined_share(double members) const { return share + correction / members; }
};

/// Follows the limit from `initial` until it rests, finishes with Newton's method, and solves one Lyapunov equation.
/// Conserved totals (every change sums to 0) are recognised: all of it happens in the span of the changes. Derivatives
/// by central differences: the correction has about 6 digits. Not usable where the path does not come to rest (a limit
/// cycle) or the fixed point is not stable.
MeanFieldSolution solve_mean_field(const PopulationProcess& process, const Vector& initial,
                                   const FluidOptions& options = {});

/// The exact chain of N members from these counts. Throws ChainError as explore does, and when a transition leads below
/// 0.
StateSpace<std::vector<int>> population_chain(const PopulationProcess& process, const std::vector<int>& counts,
                                              const ExploreOptions& options = {});

}  // namespace windtunnel::solvers
