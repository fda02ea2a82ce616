// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/modulated_population.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace windtunnel::solvers {

/// Rates up and down from each level of a window that keep mean and variance of the population's step, and the rate of
/// leaving the mode.
struct PopulationPath::LevelRates {
  Vector up, down, exit;
};

namespace {

/// Probability of a level, or of a mode, that is left alone for a step.
constexpr double kNegligible = 1e-14;
/// Levels beside the ones that matter, at least; more where a step brings more than this to the last of them.
constexpr Index kMargin = 8;
constexpr double kMostAtEdges = 1e-10;
/// Sweeps over the modes stop when they move less than this part of the tolerance of a step.
constexpr double kSweepShare = 1e-2;
constexpr int kMostSweeps = 200;

void check(const ModulatedPopulation& population, const Matrix& law) {
  const auto fits = [&](const Matrix& matrix) {
    return matrix.rows() == population.levels() && matrix.cols() == population.modes();
  };
  if (population.levels() < 2 || population.population[0] != 0.0 || population.population[1] != 1.0)
    throw std::invalid_argument("a population starts with 0 and 1");
  if (population.modes() < 1 || !fits(population.departures_per_s) || !fits(law))
    throw std::invalid_argument("departures and law need a row per level and a column per mode");
  if (population.prevented_per_arrival.size() > 0 && !fits(population.prevented_per_arrival))
    throw std::invalid_argument("prevented departures need a row per level and a column per mode");
  for (const ModulatedPopulation::ModeChange& change : population.changes)
    if (change.first_level + change.rate_per_s.size() > population.levels() ||
        std::max(change.from, change.to) >= population.modes())
      throw std::invalid_argument("a change of mode needs existing levels and modes");
}

/// The levels of a change that lie in a window: where they start in the change and in the window, and how many.
struct Overlap {
  Index in_change = 0;
  Index in_window = 0;
  Index size = 0;
};

Overlap overlap(const ModulatedPopulation::ModeChange& change, Index first, Index size) {
  const Index low = std::max(change.first_level, first);
  const Index high = std::min(change.first_level + change.rate_per_s.size(), first + size);
  return {low - change.first_level, low - first, std::max<Index>(0, high - low)};
}

}  // namespace

std::vector<double> population_lattice(double most, double single) {
  std::vector<double> population = {0.0, 1.0};
  while (population.back() < most) {
    const double width = std::max(1.0, std::floor(population.back() / single));
    population.push_back(population.back() + width);
  }
  return population;
}

PopulationPath::PopulationPath(ModulatedPopulation population, Matrix law, double start_s, double tolerance)
    : population_(std::move(population)), law_(std::move(law)), time_s_(start_s), tolerance_(tolerance) {
  check(population_, law_);
  mode_exit_per_s_ = Matrix::Zero(population_.levels(), population_.modes());
  changes_into_.resize(static_cast<std::size_t>(population_.modes()));
  for (std::size_t i = 0; i < population_.changes.size(); ++i) {
    const ModulatedPopulation::ModeChange& change = population_.changes[i];
    mode_exit_per_s_.col(change.from).segment(change.first_level, change.rate_per_s.size()) += change.rate_per_s;
    changes_into_[static_cast<std::size_t>(change.to)].push_back(i);
  }
}

void PopulationPath::settle(double arrivals_per_s) {
  if (population_.modes() != 1) throw std::invalid_argument("a population of one mode is settled, found several");
  const LevelRates rates = level_rates({0, population_.levels()}, arrivals_per_s).front();
  law_.setZero();
  law_(0, 0) = 1.0;
  for (Index i = 0; i + 1 < population_.levels() && rates.up(i) > 0.0; ++i) {
    if (rates.down(i + 1) <= 0.0) {
      // Nobody leaves again.
      law_.topRows(i + 1).setZero();
      law_(i + 1, 0) = 1.0;
      continue;
    }
    law_(i + 1, 0) = law_(i, 0) * rates.up(i) / rates.down(i + 1);
    if (law_(i + 1, 0) > 1e200) law_ *= 1e-200;
  }
  law_ /= law_.sum();
  step_s_ = 0.0;
}

void PopulationPath::set_law(Matrix law) {
  check(population_, law);
  law_ = std::move(law);
  step_s_ = 0.0;
}

void PopulationPath::set_departures(Matrix departures_per_s, Matrix prevented_per_arrival) {
  population_.departures_per_s = std::move(departures_per_s);
  population_.prevented_per_arrival = std::move(prevented_per_arrival);
  check(population_, law_);
  step_s_ = 0.0;
}

PopulationPath::Window PopulationPath::window(Index margin) const {
  Index first = 0, last = population_.levels() - 1;
  while (first < last && law_.row(first).sum() < kNegligible) ++first;
  while (last > first && law_.row(last).sum() < kNegligible) --last;
  first = std::max<Index>(0, first - margin);
  last = std::min(population_.levels() - 1, last + margin);
  return {first, last - first + 1};
}

double PopulationPath::at_edges(const Matrix& law, const Window& window) const {
  const double low = window.first > 0 ? law.row(0).sum() : 0.0;
  const double high = window.first + window.size < population_.levels() ? law.row(window.size - 1).sum() : 0.0;
  return low + high;
}

std::vector<PopulationPath::LevelRates> PopulationPath::level_rates(const Window& window, double arrivals_per_s) const {
  std::vector<LevelRates> rates(static_cast<std::size_t>(population_.modes()));
  for (Index mode = 0; mode < population_.modes(); ++mode) {
    Vector departures = population_.departures_per_s.col(mode).segment(window.first, window.size);
    if (population_.prevented_per_arrival.size() > 0)
      departures -= arrivals_per_s * population_.prevented_per_arrival.col(mode).segment(window.first, window.size);
    LevelRates& own = rates[static_cast<std::size_t>(mode)];
    own = {Vector::Zero(window.size), Vector::Zero(window.size),
           mode_exit_per_s_.col(mode).segment(window.first, window.size)};
    for (Index i = 0; i < window.size; ++i) {
      const auto at = static_cast<std::size_t>(window.first + i);
      const double leaving = std::max(0.0, departures(i)), drift = arrivals_per_s - leaving;
      const double below = at > 0 ? population_.population[at] - population_.population[at - 1] : 1.0;
      const double above =
          at + 1 < population_.population.size() ? population_.population[at + 1] - population_.population[at] : below;
      // No rate below 0: beyond, the step varies more than single arrivals do.
      const double spread = std::max(arrivals_per_s + leaving, drift > 0.0 ? drift * above : -drift * below);
      if (i + 1 < window.size) own.up(i) = std::max(0.0, spread + drift * below) / (above * (above + below));
      if (i > 0) own.down(i) = std::max(0.0, spread - drift * above) / (below * (above + below));
    }
    if (window.first == 0) own.up(0) = window.size > 1 ? arrivals_per_s : 0.0;
  }
  return rates;
}

Matrix PopulationPath::explicit_step(const Matrix& law, const Window& window, const std::vector<LevelRates>& rates,
                                     double seconds) const {
  Matrix moved = law;
  const Index n = window.size;
  for (Index mode = 0; mode < population_.modes(); ++mode) {
    if (law.col(mode).maxCoeff() < kNegligible) continue;
    const auto& [up, down, exit] = rates[static_cast<std::size_t>(mode)];
    const auto own = law.col(mode);
    moved.col(mode) -= seconds * (up + down + exit).cwiseProduct(own);
    moved.col(mode).tail(n - 1) += seconds * up.head(n - 1).cwiseProduct(own.head(n - 1));
    moved.col(mode).head(n - 1) += seconds * down.tail(n - 1).cwiseProduct(own.tail(n - 1));
  }
  for (const ModulatedPopulation::ModeChange& change : population_.changes) {
    const Overlap both = overlap(change, window.first, n);
    if (both.size == 0) continue;
    moved.col(change.to).segment(both.in_window, both.size) +=
        seconds * change.rate_per_s.segment(both.in_change, both.size)
                      .cwiseProduct(law.col(change.from).segment(both.in_window, both.size));
  }
  return moved;
}

Matrix PopulationPath::implicit_step(const Matrix& b, const Window& window, const std::vector<LevelRates>& rates,
                                     double seconds) const {
  // Block Gauss-Seidel, modes forth and back; columns of I - seconds A are dominant, so eliminations need no pivots and
  // what is not negative stays so.
  const Index n = window.size, modes = population_.modes();
  Matrix x = b;
  Vector pivot(n), own(n);
  const auto solve_mode = [&](Index mode) {
    own = b.col(mode);
    for (const std::size_t i : changes_into_[static_cast<std::size_t>(mode)]) {
      const ModulatedPopulation::ModeChange& change = population_.changes[i];
      const Overlap both = overlap(change, window.first, n);
      own.segment(both.in_window, both.size) +=
          seconds * change.rate_per_s.segment(both.in_change, both.size)
                        .cwiseProduct(x.col(change.from).segment(both.in_window, both.size));
    }
    if (own.cwiseAbs().maxCoeff() < kNegligible) return 0.0;
    const auto& [up, down, exit] = rates[static_cast<std::size_t>(mode)];
    pivot(0) = 1.0 + seconds * (up(0) + down(0) + exit(0));
    for (Index i = 1; i < n; ++i) {
      const double factor = seconds * up(i - 1) / pivot(i - 1);
      pivot(i) = 1.0 + seconds * (up(i) + down(i) + exit(i)) - factor * seconds * down(i);
      own(i) += factor * own(i - 1);
    }
    own(n - 1) /= pivot(n - 1);
    for (Index i = n - 2; i >= 0; --i) own(i) = (own(i) + seconds * down(i + 1) * own(i + 1)) / pivot(i);
    const double change = (own - x.col(mode)).cwiseAbs().sum();
    x.col(mode) = own;
    return change;
  };
  if (population_.changes.empty()) {
    for (Index mode = 0; mode < modes; ++mode) solve_mode(mode);
    return x;
  }
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double moved = 0.0;
    for (Index i = 0; i < modes; ++i) moved += solve_mode(sweep % 2 == 0 ? i : modes - 1 - i);
    if (moved < kSweepShare * tolerance_) break;
  }
  return x;
}

Matrix PopulationPath::step(const Matrix& law, const Window& window, double seconds, double arrivals_per_s) const {
  // Singly diagonally implicit, two stages, L-stable: R(z) = (1 + (1 - 2 g) z) / (1 - g z)^2, g = 1 - 1 / sqrt(2).
  // Source: Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.6.
  const double g = 1.0 - std::sqrt(0.5);
  const std::vector<LevelRates> rates = level_rates(window, arrivals_per_s);
  Matrix moved = explicit_step(law, window, rates, (1.0 - 2.0 * g) * seconds);
  moved = implicit_step(moved, window, rates, g * seconds);
  moved = implicit_step(moved, window, rates, g * seconds);
  // The explicit part can leave a law with steps slightly below 0.
  moved = moved.cwiseMax(0.0);
  moved /= moved.sum();
  return moved;
}

void PopulationPath::advance_to(double time_s, const Arrivals& arrivals_per_s) {
  constexpr double kGrowth = 2.0, kLeast = 1e-9;
  const double span_s = time_s - time_s_;
  if (step_s_ <= 0.0) step_s_ = span_s;
  Index margin = kMargin;
  while (time_s_ < time_s - 1e-12 * std::max(1.0, std::abs(time_s))) {
    const double seconds = std::min(step_s_, time_s - time_s_), half = 0.5 * seconds;
    const Window within = window(margin);
    const Matrix law = law_.middleRows(within.first, within.size);
    const double middle = arrivals_per_s(time_s_ + half);
    const Matrix whole = step(law, within, seconds, middle);
    if (at_edges(whole, within) > kMostAtEdges) {
      margin *= 2;
      continue;
    }
    Matrix halves = step(law, within, half, arrivals_per_s(time_s_ + 0.5 * half));
    halves = step(halves, within, half, arrivals_per_s(time_s_ + 1.5 * half));
    // A second-order step halved has a third of the difference left.
    const double error = (halves - whole).cwiseAbs().sum() / 3.0;
    if (error > tolerance_ && seconds > kLeast * std::max(span_s, kLeast)) {
      step_s_ = seconds * std::max(0.2, 0.9 * std::cbrt(tolerance_ / error));
      continue;
    }
    margin = std::max(kMargin, margin / 2);
    law_.setZero();
    law_.middleRows(within.first, within.size) = halves;
    turned_away_ += seconds * middle * law_.row(population_.levels() - 1).sum();
    time_s_ += seconds;
    ++steps_;
    largest_step_error_ = std::max(largest_step_error_, error);
    const double grown = seconds * std::min(kGrowth, 0.9 * std::cbrt(tolerance_ / std::max(error, 1e-300)));
    // A step cut short by the end of the span says nothing against longer ones.
    step_s_ = seconds < step_s_ ? std::max(step_s_, grown) : grown;
  }
  time_s_ = time_s;
}

}  // namespace windtunnel::solvers
