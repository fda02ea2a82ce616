// SPDX-License-Identifier: Apache-2.0
// Approximate solutions d of exit_i d_i - sum_j rate_ij d_j = r_i: the correction that a residual calls for. By sweeps,
// or by a multilevel cycle over aggregates weighted with the time the chain spends in its states; by state reduction:
// reduction_correction.h. Any d is allowed: it is the residual after it that counts.
#pragma once
#include <Eigen/LU>
#include <memory>
#include <vector>

#include "solvers/chain/sparse_rates.h"
#include "solvers/chain/sweep_direction.h"
#include "solvers/linear/aggregation.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

class Correction {
 public:
  virtual ~Correction() = default;
  /// Improves d, in place.
  virtual void improve(const Vector& residual, Vector& d) const = 0;
};

/// Two sweeps: one up and one down, or both the same way.
class SweepCorrection : public Correction {
 public:
  SweepCorrection(const SparseRates& rates, const Vector& exit_per_s, SweepDirection direction = SweepDirection::kBoth)
      : rates_(rates), reciprocal_(exit_per_s.cwiseInverse()), direction_(direction) {}
  void improve(const Vector& residual, Vector& d) const override;

 private:
  const SparseRates& rates_;
  Vector reciprocal_;
  SweepDirection direction_;
};

/// W-cycle (V on the finest level) with the aggregates fixed. Source: as aggregation.h; the coarse equations are those
/// of MultilevelFlow, transposed.
class MultilevelCorrection : public Correction {
 public:
  /// `weight` > 0: about the time spent in each state. `closed`: nothing leaves, constants are in the null space.
  /// `pair_strength`: as of aggregate().
  MultilevelCorrection(const SparseRates& rates, const Vector& exit_per_s, const Vector& killing_per_s,
                       const Vector& weight, bool closed, double pair_strength = 0.0);
  void improve(const Vector& residual, Vector& d) const override;

 private:
  struct Level {
    Vector exit;
    Vector reciprocal;
    Aggregation next;  // empty on the coarsest level
  };
  const SparseRates& rates(std::size_t level) const { return level == 0 ? rates_ : levels_[level - 1].next.coarse; }
  void descend(std::size_t level, const Vector& residual, Vector& correction) const;
  void factorise_coarsest();

  const SparseRates& rates_;
  Vector weight_;
  bool closed_;
  Index pinned_ = 0;
  std::vector<Level> levels_;
  std::unique_ptr<Eigen::PartialPivLU<Eigen::MatrixXd>> coarsest_;
};

}  // namespace windtunnel::solvers
