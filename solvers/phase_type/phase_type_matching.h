// SPDX-License-Identifier: Apache-2.0
// Phase-type laws without a floor that have given moments, with few phases, and laws of long tails. (With a floor and a
// fixed budget of phases: solvers/phase_type/phase_type_fit.h.)
#pragma once
#include <functional>
#include <string>

#include "solvers/phase_type/phase_type.h"

namespace windtunnel::solvers {

struct PhaseTypeMatch {
  PhaseType duration;
  /// All moments asked for are met.
  bool is_exact = false;
  /// Which moment was moved, from where to where; empty when exact.
  std::string adjustment;
};

/// The range of E[X^3] / (E[X] E[X^2]) that acyclic laws of 2 phases reach at this E[X^2] / E[X]^2 = n2; empty (lower
/// above upper) below n2 = 1.5. Telek, Heindl, International Journal of Simulation 3, 2003.
struct ThirdMomentRange {
  double lower = 0.0;
  double upper = 0.0;
};
ThirdMomentRange third_moment_range_of_two_phases(double n2);

/// The acyclic law of 2 phases with these first three raw moments (phases in order of increasing rate, entered at the
/// first or the second). Where no law of 2 phases has them, the nearest in second, then third moment, and `adjustment`
/// says so. Throws std::invalid_argument for moments of no distribution at all (mean not > 0, second <= mean^2).
PhaseTypeMatch match_two_phases(double m1, double m2, double m3);

/// The acyclic law of least order with these three raw moments: an Erlang entered with some probability, before or
/// behind one exponential phase. Bobbio, Horvath, Telek, Stochastic Models 21, 2005 (these two forms reach all that
/// acyclic laws of their order reach). At most max_phases >= 2; where they do not suffice, the scv is raised to what
/// they reach, then the third moment moved to the nearest reached.
PhaseTypeMatch match_acyclic(double m1, double m2, double m3, int max_phases = 100);

/// Erlang-Coxian law with these three raw moments, in closed form: an Erlang and two Coxian phases behind it, perhaps
/// with an atom at 0; at most one phase more than the least. Osogami, Harchol-Balter, Performance Evaluation 63, 2006.
/// Throws std::invalid_argument when m3 m1 <= m2^2 or m2 <= m1^2 (no positive law) or more than 1,000 phases are
/// needed.
PhaseType match_erlang_coxian(double m1, double m2, double m3);

/// Hyperexponential of `phases` that follows a long tail (survival function falling more slowly than exponentially, for
/// example Pareto or Weibull of shape < 1) over the range from `shortest_s` to `longest_s`, one phase per scale, from
/// the longest down. Feldmann, Whitt, Performance Evaluation 31, 1998. phases >= 2. Throws std::invalid_argument when
/// the tail is not long there (a weight or rate comes out <= 0).
PhaseType match_long_tail(const std::function<double(double)>& survival, double shortest_s, double longest_s,
                          int phases);

}  // namespace windtunnel::solvers
