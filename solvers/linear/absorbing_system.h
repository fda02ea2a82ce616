// SPDX-License-Identifier: Apache-2.0
// The part of a chain that is left for good: a set of states, the rates among them and the rates out. Every question
// about what happens until then is a linear system with A = -Q restricted to the set, an M-matrix: its inverse is >= 0.
#pragma once
#include <optional>
#include <vector>

#include "solvers/chain/generator.h"
#include "solvers/linear/state_reduction.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

struct AbsorptionOptions {
  /// kAutomatic, kGth, kBandedGth or kGaussSeidel.
  Method method = Method::kAutomatic;
  /// Gauss-Seidel stops when the error is proven to be at most this: relative for times, absolute for probabilities. >
  /// 0.
  double tolerance = 1e-9;
  /// Sweeps of Gauss-Seidel per system, each forward and back. >= 1.
  long long max_iterations = 20'000;
};

/// The solution of one system, one entry per inside state.
struct SystemSolution : SolveResult {
  Vector value;
};

class AbsorbingSystem {
 public:
  /// `inside`: states of q, ascending; from each of them some state outside can be reached. Keeps a reference to q.
  AbsorbingSystem(const Generator& q, std::vector<Index> inside, const AbsorptionOptions& options);

  const std::vector<Index>& inside() const { return inside_; }
  /// Rate from each inside state into the states of a set (one flag per state of the chain).
  Vector rate_into(const std::vector<bool>& set) const;
  /// The entries of the inside states of a vector over all states.
  Vector inside_of(const Vector& all) const;

  /// A h = cost: what is paid until the set is left; cost 1 gives the mean time. error_bound: relative, in every entry.
  /// Costs >= 0; sweeps prove nothing where a cost is 0 and need > 0.
  SystemSolution accumulated(const Vector& cost_per_s) const;
  /// A h = rate, rates out of the set: the probability to leave that way. error_bound: absolute, in every entry.
  SystemSolution exit_probability(const Vector& rate_per_s) const;
  /// y A = initial >= 0: expected time in each state until the set is left. error_bound: on the sum of the absolute
  /// errors, in s.
  SystemSolution time_in_states(const Vector& initial) const;

 private:
  SystemSolution blank() const;
  SystemSolution reduced(Vector value) const;
  /// Sweeps until bound(x, |residual|) <= tolerance; sets the error bound.
  template <typename Bound>
  SystemSolution swept(const SparseRates& rates, const Vector& constant, const Bound& bound) const;
  Vector residual(const SparseRates& rates, const Vector& constant, const Vector& x) const;
  /// An upper bound on the mean time until the set is left, in each entry; infinite when the sweeps fail.
  Vector mean_time_at_most_s() const;

  const Generator& q_;
  std::vector<Index> inside_;
  AbsorptionOptions options_;
  SparseRates rates_;
  Vector exit_per_s_;
  Method method_ = Method::kNone;
  std::optional<StateReduction> reduction_;
};

}  // namespace windtunnel::solvers
