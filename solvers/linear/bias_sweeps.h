// SPDX-License-Identifier: Apache-2.0
// The bias of a closed chain by Gauss-Seidel sweeps from the reward side alone, without knowing where the chain spends
// its time: two systems, one for the reward and one for the constant 1, are swept together (the matrix is read once for
// both). Each sweep moves both by a multiple of the same function; the ratio of the multiples is the average reward,
// and what remains of the reward's solution after the ratio's share of the other is taken off is the bias. Derived
// here; that it converges is a matter of luck, that the result is right is not: the certificate of certified_average.h
// decides.
#pragma once
#include <vector>

#include "solvers/chain/partial_chain.h"
#include "solvers/chain/sweep_direction.h"

namespace windtunnel::solvers {

class BiasSweeps {
 public:
  /// Keeps references. `weight`: about the time spent in each state of the part; a few digits will do.
  /// `direction`: one way is as good as both in turn, at half the cost, where it meets a state's successors before it.
  /// `patience`: so many times as many sweep pairs as usual may be expected before it gives up, where other methods
  /// would not have the memory.
  BiasSweeps(const PartialChain& part, const Vector& weight, SweepDirection direction, double patience = 1.0);

  struct Outcome {
    /// About the average of the reward; the bias has reward - average + Q bias = 0, about.
    double average_per_s = 0.0;
    Vector bias;
    /// Highest less lowest of what is left of that equation.
    double span_per_s = 0.0;
    /// Pairs of sweeps, up and down or twice the same way.
    long long iterations = 0;
    /// Still needed.
    double predicted_pairs = 0.0;
    /// So many more that other methods are sooner there; the bias is what there is.
    bool gave_up = false;
  };

  /// How small the span is wanted: so much, or so much of the average, whichever is more.
  struct Target {
    double span_per_s = 0.0;
    double ratio = 0.0;
  };

  /// `reward`: one entry per state of the part. Until the span is at the target, stays where it is, or is not expected
  /// to get there within some hundred pairs. May be called again for another reward, which then is cheaper.
  Outcome solve(const Vector& reward, const Target& target);

 private:
  struct Pair {
    double reward = 0.0;
    double time = 0.0;
  };

  /// Pairs still needed, as predicted at the last check and at this one.
  bool slow(double predicted_before, double predicted) const;
  void relax(Index i, const Vector& reward);
  /// What is left of both systems; keeps both near 0 in the first state.
  void judge(const Vector& reward, Outcome& outcome);

  const PartialChain& part_;
  const Vector& weight_;
  SweepDirection direction_;
  double patience_;
  Vector reciprocal_;
  std::vector<Pair> x_;
};

}  // namespace windtunnel::solvers
