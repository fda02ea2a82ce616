// SPDX-License-Identifier: Apache-2.0
#include "solvers/modulated_population.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace windtunnel::solvers {

namespace {

/// Modes that hold less are left alone for a step.
constexpr double kNegligible = 1e-14;
/// Probability that the series of a change of modes leaves out.
constexpr double kSeriesTail = 1e-14;

/// Rates up and down from each level that keep mean and variance of the population's step.
struct LevelRates {
  Vector up, down;
};

LevelRates level_rates(const std::vector<double>& population, const Eigen::Ref<const Vector>& departures_per_s,
                       double arrivals_per_s) {
  const auto last = static_cast<Index>(population.size()) - 1;
  LevelRates rates{Vector::Zero(last + 1), Vector::Zero(last + 1)};
  rates.up(0) = arrivals_per_s;
  for (Index i = 1; i < last; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double below = population[at] - population[at - 1], above = population[at + 1] - population[at];
    const double drift = arrivals_per_s - departures_per_s(i);
    // No rate below 0: beyond, the step varies more than single arrivals do.
    const double least = drift > 0.0 ? drift * above : -drift * below;
    const double spread = std::max(arrivals_per_s + departures_per_s(i), least);
    rates.up(i) = std::max(0.0, spread + drift * below) / (above * (above + below));
    rates.down(i) = std::max(0.0, spread - drift * above) / (below * (above + below));
  }
  const auto top = static_cast<std::size_t>(last);
  rates.down(last) = departures_per_s(last) / (population[top] - population[top - 1]);
  return rates;
}

/// x with (I - seconds A) x = b, A the forward generator; columns are dominant, so elimination needs no pivots. In
/// place.
void solve_implicit(const LevelRates& rates, double seconds, Eigen::Ref<Vector> b, Vector& pivot) {
  const Index n = b.size();
  pivot(0) = 1.0 + seconds * (rates.up(0) + rates.down(0));
  for (Index i = 1; i < n; ++i) {
    const double factor = seconds * rates.up(i - 1) / pivot(i - 1);
    pivot(i) = 1.0 + seconds * (rates.up(i) + rates.down(i)) - factor * seconds * rates.down(i);
    b(i) += factor * b(i - 1);
  }
  b(n - 1) /= pivot(n - 1);
  for (Index i = n - 2; i >= 0; --i) b(i) = (b(i) + seconds * rates.down(i + 1) * b(i + 1)) / pivot(i);
}

/// p + seconds A p, in place.
void add_explicit(const LevelRates& rates, double seconds, Eigen::Ref<Vector> p) {
  const Index n = p.size();
  double up_from_below = 0.0;
  for (Index i = 0; i < n; ++i) {
    const double here = p(i), from_above = i + 1 < n ? rates.down(i + 1) * p(i + 1) : 0.0;
    p(i) += seconds * (up_from_below + from_above - (rates.up(i) + rates.down(i)) * here);
    up_from_below = rates.up(i) * here;
  }
}

double largest_mode_rate(const ModulatedPopulation& population) {
  Matrix out = Matrix::Zero(population.levels(), population.modes());
  for (const ModulatedPopulation::ModeChange& change : population.changes) out.col(change.from) += change.rate_per_s;
  return out.size() > 0 ? out.maxCoeff() : 0.0;
}

void check(const ModulatedPopulation& population, const Matrix& law) {
  if (population.levels() < 2 || population.population[0] != 0.0 || population.population[1] != 1.0)
    throw std::invalid_argument("a population starts with 0 and 1");
  if (population.departures_per_s.rows() != population.levels() || population.modes() < 1)
    throw std::invalid_argument("departures need a row per level and a column per mode");
  if (law.rows() != population.levels() || law.cols() != population.modes())
    throw std::invalid_argument("the law needs a row per level and a column per mode");
  for (const ModulatedPopulation::ModeChange& change : population.changes)
    if (change.rate_per_s.size() != population.levels() || std::max(change.from, change.to) >= population.modes())
      throw std::invalid_argument("a change of mode needs a rate for each level and existing modes");
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
  mode_rate_per_s_ = largest_mode_rate(population_);
}

void PopulationPath::set_law(Matrix law) {
  check(population_, law);
  law_ = std::move(law);
  step_s_ = 0.0;
}

void PopulationPath::set_departures(Matrix departures_per_s) {
  population_.departures_per_s = std::move(departures_per_s);
  check(population_, law_);
  step_s_ = 0.0;
}

void PopulationPath::change_modes(Matrix& law, double seconds) const {
  if (mode_rate_per_s_ <= 0.0) return;
  // Uniformization: e^-q sum_k q^k / k! (I + M / rate)^k.
  const double q = mode_rate_per_s_ * seconds;
  double weight = std::exp(-q), left = 1.0 - weight;
  Matrix term = law;
  law *= weight;
  for (int k = 1; left > kSeriesTail; ++k) {
    Matrix next = term;
    for (const ModulatedPopulation::ModeChange& change : population_.changes) {
      if (term.col(change.from).maxCoeff() < kNegligible) continue;
      const Vector moved = term.col(change.from).cwiseProduct(change.rate_per_s) / mode_rate_per_s_;
      next.col(change.from) -= moved;
      next.col(change.to) += moved;
    }
    term = next.cwiseMax(0.0);
    weight *= q / k;
    left -= weight;
    law += weight * term;
    if (weight < kSeriesTail && k > q) break;
  }
}

void PopulationPath::move_population(Matrix& law, double seconds, double arrivals_per_s) const {
  // Singly diagonally implicit, two stages, L-stable: R(z) = (1 + (1 - 2 g) z) / (1 - g z)^2, g = 1 - 1 / sqrt(2).
  // Source: Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.6.
  const double g = 1.0 - std::sqrt(0.5);
  Vector pivot(population_.levels());
  for (Index mode = 0; mode < population_.modes(); ++mode) {
    if (law.col(mode).maxCoeff() < kNegligible) continue;
    const LevelRates rates =
        level_rates(population_.population, population_.departures_per_s.col(mode), arrivals_per_s);
    add_explicit(rates, (1.0 - 2.0 * g) * seconds, law.col(mode));
    solve_implicit(rates, g * seconds, law.col(mode), pivot);
    solve_implicit(rates, g * seconds, law.col(mode), pivot);
  }
  // The explicit part can leave a law with steps slightly below 0.
  law = law.cwiseMax(0.0);
  law /= law.sum();
}

Matrix PopulationPath::step(const Matrix& law, double seconds, double arrivals_per_s) const {
  Matrix moved = law;
  change_modes(moved, 0.5 * seconds);
  move_population(moved, seconds, arrivals_per_s);
  change_modes(moved, 0.5 * seconds);
  return moved;
}

void PopulationPath::advance_to(double time_s, const Arrivals& arrivals_per_s) {
  constexpr double kGrowth = 2.0, kLeast = 1e-9;
  const double span_s = time_s - time_s_;
  if (step_s_ <= 0.0) step_s_ = span_s;
  while (time_s_ < time_s - 1e-12 * std::max(1.0, std::abs(time_s))) {
    const double seconds = std::min(step_s_, time_s - time_s_), half = 0.5 * seconds;
    const double middle = arrivals_per_s(time_s_ + half);
    const Matrix whole = step(law_, seconds, middle);
    Matrix halves = step(law_, half, arrivals_per_s(time_s_ + 0.5 * half));
    halves = step(halves, half, arrivals_per_s(time_s_ + 1.5 * half));
    // A second-order step halved has a third of the difference left.
    const double error = (halves - whole).cwiseAbs().sum() / 3.0;
    if (error > tolerance_ && seconds > kLeast * std::max(span_s, kLeast)) {
      step_s_ = seconds * std::max(0.2, 0.9 * std::cbrt(tolerance_ / error));
      continue;
    }
    turned_away_ += seconds * middle * halves.row(population_.levels() - 1).sum();
    law_ = std::move(halves);
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
