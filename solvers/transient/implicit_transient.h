// SPDX-License-Identifier: Apache-2.0
// What a stiff chain is worth at or until a time, in steps that grow with the time itself instead of the fastest rate.
// The backward equation u' = A u + g is solved in a few functions per step, each the answer to an easier question: what
// a reward is worth when the clock rings, after an exponential time of the step's length. (That is one linear system
// with a well-conditioned M-matrix; backward_solution.h solves it to twice the digits.) Their combination p(s) is a
// polynomial in time, and the proof is independent of how it was found: e^(A s) never enlarges the largest entry, so
//   max |u(t) - p(t)| <= sum over the steps of max |jump| + integral of max |p' - A p - g|.
// Sources: J. van den Eshof, M. Hochbruck, SIAM Journal on Scientific Computing 27(4), 2006 (rational Krylov with one
// pole); the bound: V. Thomee, Galerkin Finite Element Methods for Parabolic Problems, 2006, chapter 12, in this form
// derived here.
#pragma once
#include <vector>

#include "solvers/chain/labelled_chain.h"
#include "solvers/transient/poisson_series.h"

namespace windtunnel::solvers {

struct ImplicitOptions {
  /// Stop when the states of interest are known up to this, absolute or relative to the value, whichever is wider.
  double absolute_tolerance = 1e-10;
  double relative_tolerance = 1e-8;
  /// Linear systems, in all.
  long long max_systems = 20'000;
};

/// Expected value of `reward` at time_s > 0 from every state of the part; 0 where the chain has left it. iterations:
/// linear systems.
SeriesSum value_by_implicit_steps(const PartialChain& part, const Vector& reward, double time_s,
                                  const std::vector<Index>& interest, const ImplicitOptions& options = {});
/// Probability to have left the part into `target` by then, a set of states of the whole chain outside the part.
SeriesSum passage_by_implicit_steps(const PartialChain& part, const StateSet& target, double time_s,
                                    const std::vector<Index>& interest, const ImplicitOptions& options = {});
/// Expected reward until time_s; what leaves the part earns no more.
SeriesSum integral_by_implicit_steps(const PartialChain& part, const Vector& reward_per_s, double time_s,
                                     const std::vector<Index>& interest, const ImplicitOptions& options = {});

}  // namespace windtunnel::solvers
