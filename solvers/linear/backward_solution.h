// SPDX-License-Identifier: Apache-2.0
// Functions h of the states with reward_i + sum_j q_ij (h_j - h_i) = 0 on a part of a chain, given outside it: what
// long-run averages (there h is the bias, and a constant may remain), reachability and accumulated rewards have in
// common. Solved by iterative refinement: the residual in twice the digits (drift.h), the corrections in plain doubles.
// Source: N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, 2002, chapter 12.
#pragma once
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "solvers/chain/drift.h"
#include "solvers/chain/partial_chain.h"
#include "solvers/linear/reduction_correction.h"
#include "solvers/numerics/solve_result.h"

namespace windtunnel::solvers {

struct BackwardOptions {
  /// kAutomatic, kGth, kSparseGth, kGaussSeidel or kMultilevel.
  Method method = Method::kAutomatic;
  /// Corrections in all.
  long long max_iterations = 20'000;
  /// Sweep pairs that a trial predicted; 0: none was made. kAutomatic then begins with mixing, or with cycles.
  double predicted_sweeps = 0.0;
  /// With kGaussSeidel: mixed sweeps only, and only as long as they are expected to get there soon.
  bool only_while_fast = false;
  /// In which sweeps correct.
  SweepDirection direction = SweepDirection::kBoth;
  /// Of the first cycles' aggregates, as of aggregate().
  double pair_strength = 0.0;
};

/// Remaining drifts on the part: state by state the function did not solve its equation by this much.
struct Residuals {
  /// Enclosure of each state's drift.
  Vector value;
  Vector error;

  /// Between the two all drifts lie, whichever way the sums were rounded.
  double lowest() const { return std::nextafter((value - error).minCoeff(), -HUGE_VAL); }
  double highest() const { return std::nextafter((value + error).maxCoeff(), HUGE_VAL); }
};

/// Of h on the part; h outside counts too.
Residuals residuals_of(const PartialChain& part, const Vector& reward, const PreciseVector& h);

class BackwardSolver {
 public:
  /// Keeps a reference to the part. `weight` (may be empty): about the time spent in each of its states, > 0; otherwise
  /// it is computed when it is needed.
  BackwardSolver(const PartialChain& part, const BackwardOptions& options, Vector weight = {});

  /// Improves h on the part until `good_enough(residuals)`; `target_per_s` is about the residual that makes it so.
  /// Leaves h outside alone. Returns whether it got there.
  bool solve(const Vector& reward, double target_per_s, const std::function<bool(const Residuals&)>& good_enough,
             PreciseVector& h);

  long long iterations() const { return iterations_; }
  Method method_used() const { return stage().method; }
  /// The factors in use; null when the present method is another.
  const DirectCorrection* reduction() const { return dynamic_cast<const DirectCorrection*>(correction_.get()); }

 private:
  /// A way to correct, how long a run of it may be expected to take before the next way is tried, and what a run leaves
  /// of the residual at most unless it counts as stalled.
  struct Stage {
    Method method = Method::kNone;
    int mixing_depth = 0;
    double max_predicted = 0.0;
    double progress = 0.5;
    double pair_strength = 0.0;
  };

  const Stage& stage() const { return stages_[stage_]; }
  void prepare();
  bool direct() const { return stage().method == Method::kGth || stage().method == Method::kSparseGth; }
  std::unique_ptr<DirectCorrection> factorised();
  bool next_stage();
  Vector correction_of(const Vector& residual, double target_per_s, bool& fruitless);

  const PartialChain& part_;
  BackwardOptions options_;
  Vector weight_;
  std::vector<Stage> stages_;
  std::size_t stage_ = 0;
  std::unique_ptr<Correction> correction_;
  long long iterations_ = 0;
};

}  // namespace windtunnel::solvers
