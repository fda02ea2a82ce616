// SPDX-License-Identifier: Apache-2.0
// A part of a chain that an alarm clock stops: what a reward is worth when the clock rings after an exponential time.
// In formulas the resolvent x = (clock - A)^-1 (clock v + g), A the generator of the part.
#pragma once
#include <memory>
#include <optional>

#include "solvers/chain/labelled_chain.h"
#include "solvers/linear/backward_solution.h"

namespace windtunnel::solvers {

/// A function on the part with twice the digits, and by how much it fails its equation.
struct ClockedValue {
  /// One entry per state of the part.
  PreciseVector x;
  /// Largest |clock (v - x) + A x + g|, proven; infinite when nothing was found.
  double residual_per_s = HUGE_VAL;
  /// As small as asked for, or as rounding allows.
  bool solved = false;
};

class ClockedChain {
 public:
  /// `part` and `target` (states outside that are worth 1; may be empty) must outlive it. clock_per_s: a power of two,
  /// so that clock * v is exact.
  ClockedChain(const PartialChain& part, const StateSet& target, double clock_per_s);
  ClockedChain(const ClockedChain&) = delete;
  ClockedChain& operator=(const ClockedChain&) = delete;
  ~ClockedChain();

  double clock_per_s() const { return clock_per_s_; }
  /// v is paid when the clock rings, reward_per_s (may be empty) until then, and 1 where the target is entered first,
  /// if that counts. Until the residual is at most target_per_s, if that can be had.
  ClockedValue value(const Vector& v, const Vector& reward_per_s, bool with_target, double target_per_s);

 private:
  class Factors;

  /// Improves h; returns the largest residual that is left.
  double solve(const Vector& reward, double target_per_s, PreciseVector& h);
  /// h + change, of which up to `left_out` is not added; returns what that and rounding put on the residual.
  double add(const Vector& change, double left_out, PreciseVector& h) const;

  const PartialChain& part_;
  const StateSet& target_;
  double clock_per_s_;
  Generator chain_;
  PartialChain clocked_;
  // One of them: a sparse factorisation where it stays sparse, otherwise what suits a chain of that size.
  std::unique_ptr<Factors> factors_;
  std::optional<BackwardSolver> solver_;
};

}  // namespace windtunnel::solvers
