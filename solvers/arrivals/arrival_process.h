// SPDX-License-Identifier: Apache-2.0
// Markovian arrival processes (MAP): a chain of phases some of whose transitions are arrivals. The Poisson process, any
// renewal process of phase type, switched Poisson processes (MMPP) and their superpositions are of this kind, so bursts
// and correlation between interarrival times can be stated, and stay exact inside a Markov chain.
// Source: Neuts, Journal of Applied Probability 16, 1979; Lucantoni, Stochastic Models 7, 1991.
#pragma once
#include <span>
#include <vector>

#include "solvers/linear/m_matrix.h"
#include "solvers/numerics/random.h"
#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

class MarkovianArrivals {
 public:
  /// silent_per_s (D0 of the textbooks; its diagonal does not matter) and arrival_per_s (D1): n x n, >= 0. Throws
  /// std::invalid_argument naming the phase when an entry is no rate, when some phase never sees an arrival again, or
  /// when the phases have several classes.
  MarkovianArrivals(Matrix silent_per_s, Matrix arrival_per_s);

  Index phases() const { return silent_per_s_.rows(); }
  /// Phase changes without an arrival; zero diagonal.
  const Matrix& silent_per_s() const { return silent_per_s_; }
  /// Arrivals, with the phase they leave behind.
  const Matrix& arrival_per_s() const { return arrival_per_s_; }

  /// Long-run law of the phase, at any time and just after an arrival.
  const Vector& phase_law() const { return phase_law_; }
  const Vector& phase_law_after_arrival() const { return after_arrival_; }
  /// Arrivals per second.
  double rate_per_s() const { return rate_per_s_; }
  /// Law of the time between two arrivals.
  PhaseType interarrival_time() const;
  /// E[T^k] of it, k >= 1.
  double moment(int k) const;
  double scv() const;
  /// Correlation of an interarrival time with the one `lag` >= 1 later; 0 for a constant.
  double autocorrelation(int lag) const;
  /// Variance over mean of the number of arrivals in a long time; 1 for Poisson. Neuts, Structured Stochastic Matrices
  /// of M/G/1 Type, 1989, section 5.4.
  double index_of_dispersion() const;

 private:
  Matrix silent_per_s_, arrival_per_s_;
  Vector phase_law_, after_arrival_;
  double rate_per_s_ = 0.0;
};

MarkovianArrivals poisson_arrivals(double rate_per_s);
/// Independent interarrival times of this law; no shift (a floor is not Markovian) and no atom.
MarkovianArrivals renewal_arrivals(const PhaseType& interarrival);
/// Poisson arrivals whose rate depends on the phase of a chain.
MarkovianArrivals switched_poisson_arrivals(const Matrix& switch_per_s, const Vector& rate_per_s);
/// Both streams together; phases multiply. Exact.
MarkovianArrivals superposition(const MarkovianArrivals& x, const MarkovianArrivals& y);
/// Every arrival is kept with this probability, 0 < keep <= 1, independently. Exact.
MarkovianArrivals thinned(const MarkovianArrivals& x, double keep_probability);
/// The same pattern, `factor` > 0 times as fast.
MarkovianArrivals faster(const MarkovianArrivals& x, double factor);

/// Interarrival times drawn one after the other.
class ArrivalSampler {
 public:
  /// Starts in the long-run law just after an arrival.
  ArrivalSampler(const MarkovianArrivals& arrivals, RandomSource& random);
  double operator()(RandomSource& random);

 private:
  Matrix leave_;  // cumulative probabilities of leaving phase i: silently to each phase, then with an arrival
  Vector leave_per_s_;
  Index phase_ = 0;
};

}  // namespace windtunnel::solvers
