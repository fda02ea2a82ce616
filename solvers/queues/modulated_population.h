// SPDX-License-Identifier: Apache-2.0
// A population that grows and shrinks one by one while a mode changes by itself, followed through time: arrivals depend
// on time, departures on population and mode, changes of mode on the population. A queue under a burst, or one whose
// servers come and go.
//
// State (population, mode). The forward equation is followed by two implicit stages per step (stiffly stable, second
// order); each is solved mode by mode, one tridiagonal elimination after the other, until they agree. Steps are doubled
// and halved by comparison with two half steps, so that a law at rest is followed in long ones.
#pragma once
#include <functional>
#include <vector>

#include "solvers/linear/m_matrix.h"
#include "solvers/numerics/vector.h"

namespace windtunnel::solvers {

/// Populations 0, 1, 2 ... up to `single`, then in cells that grow by 1 / single of the population, up to at least
/// `most`. Both >= 1.
std::vector<double> population_lattice(double most, double single);

struct ModulatedPopulation {
  /// Increasing, the first 0 and the second 1. Where cells are wider than 1, mean and variance of a step are those of
  /// single arrivals and departures while |arrivals - departures| x width stays below their sum, and the variance is
  /// larger beyond [A]. Source: Kushner, Dupuis, Numerical Methods for Stochastic Control Problems in Continuous Time,
  /// 2nd ed. 2001, chapter 5.
  std::vector<double> population;
  /// Population levels x modes, >= 0, per second; the first row is 0.
  Matrix departures_per_s;
  /// Departures that one arrival prevents, because it takes the servers' time: so many less per arrival, down to none.
  /// Levels x modes, >= 0; empty: none.
  Matrix prevented_per_arrival;
  struct ModeChange {
    Index from = 0;
    Index to = 0;
    /// By level of the population from `first_level` on, >= 0; 0 on all others.
    Index first_level = 0;
    Vector rate_per_s;
  };
  std::vector<ModeChange> changes;

  Index levels() const { return static_cast<Index>(population.size()); }
  Index modes() const { return departures_per_s.cols(); }
};

class PopulationPath {
 public:
  /// Arrivals per second at a time, >= 0; continuous within one advance_to.
  using Arrivals = std::function<double(double time_s)>;

  /// `law`: levels x modes, >= 0, sums to 1, at `start_s`. A step is halved while it moves more than `tolerance` of the
  /// probability to a wrong place. Throws std::invalid_argument where sizes do not fit.
  PopulationPath(ModulatedPopulation population, Matrix law, double start_s = 0.0, double tolerance = 1e-5);

  void advance_to(double time_s, const Arrivals& arrivals_per_s);
  /// Puts the law where this rate, held for ever, would bring it: exact, by the ratios of a birth-death chain. One mode
  /// only, else std::invalid_argument; where more come than leave, everything is on the last level.
  void settle(double arrivals_per_s);
  /// What happens at once: another law, other departures (levels x modes, as in ModulatedPopulation).
  void set_law(Matrix law);
  void set_departures(Matrix departures_per_s, Matrix prevented_per_arrival = {});

  double time_s() const { return time_s_; }
  /// Levels x modes, >= 0, sums to 1.
  const Matrix& law() const { return law_; }
  const ModulatedPopulation& population() const { return population_; }
  long long steps() const { return steps_; }
  /// Largest local error estimate of a step accepted: misplaced probability. An indication, not a bound.
  double largest_step_error() const { return largest_step_error_; }
  /// Expected arrivals that found the last level, where they are turned away.
  double turned_away() const { return turned_away_; }

 private:
  /// Levels that hold all but a negligible part of the law, and some on either side.
  struct Window {
    Index first = 0;
    Index size = 0;
  };
  struct LevelRates;

  Window window(Index margin) const;
  /// Probability at the ends of a window that are not ends of the lattice.
  double at_edges(const Matrix& law, const Window& window) const;
  std::vector<LevelRates> level_rates(const Window& window, double arrivals_per_s) const;
  /// law + seconds A law, A the forward generator.
  Matrix explicit_step(const Matrix& law, const Window& window, const std::vector<LevelRates>& rates,
                       double seconds) const;
  /// x with x - seconds A x = b; starts from b.
  Matrix implicit_step(const Matrix& b, const Window& window, const std::vector<LevelRates>& rates,
                       double seconds) const;
  Matrix step(const Matrix& law, const Window& window, double seconds, double arrivals_per_s) const;

  ModulatedPopulation population_;
  Matrix law_;
  double time_s_ = 0.0;
  double tolerance_ = 1e-5;
  double step_s_ = 0.0;
  /// Rate at which each level leaves each mode, and the changes that lead into each mode.
  Matrix mode_exit_per_s_;
  std::vector<std::vector<std::size_t>> changes_into_;
  long long steps_ = 0;
  double largest_step_error_ = 0.0;
  double turned_away_ = 0.0;
};

}  // namespace windtunnel::solvers
