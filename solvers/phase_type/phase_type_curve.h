// SPDX-License-Identifier: Apache-2.0
// Distribution, survival, density and quantiles of a phase-type duration, each computed directly: survival is not 1 -
// F, so both tails keep their digits.
//
// Uniformization: with q the fastest leaving rate, the count of jumps by time t is Poisson(q t), and the probability
// that the duration survives j jumps does not depend on t. Those weights are computed once and kept, so further points
// cost only the Poisson window, about 12 sqrt(q t) terms. Source: Jensen 1953; Neuts 1981, section 2.2. Beyond 4
// million jumps (stiff chains) the exponential of T t is formed by scaling and squaring of non-negative matrices.
//
// Not for use from two threads at once, because of the kept weights; copies are independent.
#pragma once
#include <vector>

#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

class PhaseTypeCurve {
 public:
  explicit PhaseTypeCurve(PhaseType duration);

  const PhaseType& duration() const { return duration_; }
  /// P(X > t).
  double survival(double t_s);
  /// P(X <= t).
  double cdf(double t_s);
  /// Density at t of the part without the atom; 0 before the shift.
  double density_per_s(double t_s);
  /// Smallest t with P(X <= t) >= probability, to 1e-12 relative of t - shift. 0 <= probability < 1, else
  /// std::invalid_argument.
  double quantile_s(double probability);
  /// Smallest t with P(X > t) <= probability, 0 < probability <= 1: quantile_s(1 - probability) without the lost
  /// digits.
  double upper_quantile_s(double probability);

 private:
  struct Jump {
    int from, to;
    double probability;
  };
  struct Values {
    double survival, cdf, density_per_s;
  };
  bool too_many_jumps(double elapsed_s) const;
  Values by_squaring(double elapsed_s) const;
  void extend_to(long jumps);
  double kept(const std::vector<double>& by_jumps, long jumps, double beyond) {
    if (static_cast<long>(by_jumps.size()) <= jumps) extend_to(jumps);
    return jumps < static_cast<long>(by_jumps.size()) ? by_jumps[jumps] : beyond;
  }
  double survives(long jumps) { return kept(survives_, jumps, 0.0); }
  double ended(long jumps) { return kept(ended_, jumps, 1.0); }
  double ends_at(long jumps) { return kept(ends_at_, jumps, 0.0); }
  double solve(bool upper, double probability);

  PhaseType duration_;
  double uniform_rate_per_s_ = 0.0;
  Eigen::VectorXd stay_;          // probability that a jump leaves the phase as it is
  Eigen::VectorXd exit_;          // probability that a jump ends the duration
  Eigen::VectorXd to_next_;       // probability that a jump leads to the next phase
  std::vector<Jump> jumps_;       // the other jumps between phases
  Eigen::VectorXd phase_, next_;  // probability of each phase after the last jump computed; room for the next
  std::vector<double> survives_;  // by number of jumps: still in a phase
  std::vector<double> ended_;     // ended at one of the jumps so far, atom included
  std::vector<double> ends_at_;   // ends at the next jump
};

}  // namespace windtunnel::solvers
