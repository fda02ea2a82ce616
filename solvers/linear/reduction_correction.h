// SPDX-License-Identifier: Apache-2.0
// Corrections (multilevel_correction.h) by state reduction: the factors are made once and answer every residual.
#pragma once
#include <memory>

#include "solvers/linear/multilevel_correction.h"
#include "solvers/linear/sparse_reduction.h"
#include "solvers/linear/state_reduction.h"

namespace windtunnel::solvers {

/// Exact but for rounding.
class DirectCorrection : public Correction {
 public:
  /// Of a closed chain of two states or more; empty where the reduction got stuck.
  const Vector& stationary() const { return stationary_; }
  /// On each of its entries.
  double stationary_error_ratio() const { return stationary_error_ratio_; }
  /// Whether the reduction did not get stuck.
  virtual bool usable() const = 0;

 protected:
  Vector stationary_;
  double stationary_error_ratio_ = 0.0;
};

/// On a full matrix or in a band. In a closed chain the likeliest state keeps d = 0.
class ReductionCorrection : public DirectCorrection {
 public:
  ReductionCorrection(const SparseRates& rates, const Vector& killing_per_s, bool closed);
  void improve(const Vector& residual, Vector& d) const override;
  bool usable() const override { return !reduction_ || !reduction_->stuck_state(); }

 private:
  Index states_;
  Index pinned_ = -1;
  std::unique_ptr<StateReduction> reduction_;
};

/// On the pattern of the factors. In a closed chain the last state taken out keeps d = 0.
class SparseReductionCorrection : public DirectCorrection {
 public:
  /// `pattern` is affordable; in a closed chain its last state should be a likely one.
  SparseReductionCorrection(const SparseRates& rates, const Vector& killing_per_s, ReductionPattern pattern,
                            bool closed);
  void improve(const Vector& residual, Vector& d) const override;
  bool usable() const override { return !reduction_.stuck_state(); }

 private:
  SparseReduction reduction_;
};

/// Whether a reduction of these rates takes a fraction of a second only: up to 2,000 states, and beyond in a narrow
/// band.
bool reduction_is_cheap(const SparseRates& rates);

}  // namespace windtunnel::solvers
