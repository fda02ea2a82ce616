// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/modulated_population.h"

#include <cmath>

#include "solvers/transient/transient.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

Matrix certain(Index levels, Index modes, Index level, Index mode) {
  Matrix law = Matrix::Zero(levels, modes);
  law(level, mode) = 1.0;
  return law;
}

double mean(const PopulationPath& path) {
  double sum = 0.0;
  for (Index i = 0; i < path.law().rows(); ++i)
    sum += path.population().population[static_cast<std::size_t>(i)] * path.law().row(i).sum();
  return sum;
}

/// Everybody is served at rate 1: the law stays Poisson when it starts empty.
ModulatedPopulation endless_servers(std::vector<double> population) {
  const auto levels = static_cast<Index>(population.size());
  ModulatedPopulation system{.population = std::move(population), .departures_per_s = Matrix::Zero(levels, 1)};
  for (Index i = 0; i < levels; ++i) system.departures_per_s(i, 0) = system.population[static_cast<std::size_t>(i)];
  return system;
}

}  // namespace

TEST_CASE("M(t)/M/infinity from empty is Poisson with the mean of its linear equation", "[solvers][population]") {
  // m' = a (1 + sin t) - m, m(0) = 0: m = a (1 - e^-t + (sin t - cos t + e^-t) / 2).
  const double a = 8.0, t = GENERATE(0.5, 2.0, 7.0);
  const ModulatedPopulation system = endless_servers(population_lattice(80.0, 80.0));
  const auto arrivals = [=](double time_s) { return a * (1.0 + std::sin(time_s)); };
  const auto followed = [&](double tolerance) {
    PopulationPath path(system, certain(system.levels(), 1, 0, 0), 0.0, tolerance);
    path.advance_to(t, arrivals);
    return path;
  };
  const double m = a * (1.0 - std::exp(-t) + 0.5 * (std::sin(t) - std::cos(t) + std::exp(-t)));
  const PopulationPath fine = followed(1e-7);
  CHECK(mean(fine) == Approx(m).epsilon(1e-4));
  double poisson = std::exp(-m);
  for (int n = 0; n < 20; ++n) {
    CHECK(fine.law()(n, 0) == Approx(poisson).margin(2e-5));
    poisson *= m / (n + 1);
  }
  CHECK(fine.law().minCoeff() >= 0.0);
  CHECK(fine.law().sum() == Approx(1.0).epsilon(1e-12));
  const PopulationPath coarse = followed(1e-4);
  CHECK(coarse.steps() < fine.steps());
  CHECK(mean(coarse) == Approx(m).epsilon(5e-3));
}

TEST_CASE("cells wider than one keep mean and variance of the population", "[solvers][population]") {
  // M/M/infinity at rest: mean and variance 400.
  const ModulatedPopulation system = endless_servers(population_lattice(700.0, 64.0));
  CHECK(system.levels() < 260);
  PopulationPath path(system, certain(system.levels(), 1, 0, 0));
  path.advance_to(25.0, [](double) { return 400.0; });
  double square = 0.0;
  for (Index i = 0; i < system.levels(); ++i) {
    const double n = system.population[static_cast<std::size_t>(i)];
    square += n * n * path.law()(i, 0);
  }
  CHECK(mean(path) == Approx(400.0).epsilon(1e-3));
  CHECK(square - mean(path) * mean(path) == Approx(400.0).epsilon(0.02));
  CHECK(path.turned_away() < 1e-9);
}

TEST_CASE("a server that breaks and is repaired: the modulated queue against uniformization", "[solvers][population]") {
  // 30 places, arrivals 0.8, service 1 in mode 0; breaks faster the longer the queue, repaired at 0.2.
  const Index places = 31;
  ModulatedPopulation system{.population = population_lattice(30.0, 1000.0),
                             .departures_per_s = Matrix::Zero(places, 2)};
  REQUIRE(system.levels() == places);
  system.departures_per_s.col(0).tail(places - 1).setOnes();
  Vector breaks(places);
  for (Index n = 0; n < places; ++n) breaks(n) = 0.05 + 0.01 * static_cast<double>(n);
  system.changes = {{0, 1, 0, breaks}, {1, 0, 0, Vector::Constant(places, 0.2)}};
  std::vector<Transition> rates;
  for (Index n = 0; n < places; ++n) {
    for (Index mode = 0; mode < 2; ++mode) {
      if (n + 1 < places) rates.push_back({2 * n + mode, 2 * (n + 1) + mode, 0.8});
      if (n > 0 && mode == 0) rates.push_back({2 * n, 2 * (n - 1), 1.0});
    }
    rates.push_back({2 * n, 2 * n + 1, breaks(n)});
    rates.push_back({2 * n + 1, 2 * n, 0.2});
  }
  Vector start = Vector::Zero(2 * places);
  start(0) = 1.0;
  PopulationPath path(system, certain(places, 2, 0, 0), 0.0, 1e-8);
  for (const double t : {1.0, 10.0, 200.0}) {
    INFO("t " << t);
    path.advance_to(t, [](double) { return 0.8; });
    const TransientSolution exact = solve_transient(Generator(2 * places, rates), start, {t});
    REQUIRE(exact.usable());
    double difference = 0.0;
    for (Index n = 0; n < places; ++n)
      for (Index mode = 0; mode < 2; ++mode)
        difference += std::abs(path.law()(n, mode) - exact.probability.front()(2 * n + mode));
    CHECK(difference < 2e-4);
  }
}

TEST_CASE("departures that change at once start a new stretch", "[solvers][population]") {
  // Nobody is served any more: everybody who comes stays.
  const ModulatedPopulation system = endless_servers(population_lattice(60.0, 60.0));
  PopulationPath path(system, certain(system.levels(), 1, 0, 0), 0.0, 1e-7);
  path.advance_to(12.0, [](double) { return 4.0; });
  path.set_departures(Matrix::Zero(system.levels(), 1));
  const double before = mean(path);
  path.advance_to(15.0, [](double) { return 4.0; });
  CHECK(mean(path) - before == Approx(12.0).epsilon(1e-4));
  CHECK_THROWS_AS(path.set_law(Matrix::Zero(3, 1)), std::invalid_argument);
}

TEST_CASE("a settled population is where a held rate leads", "[solvers][population]") {
  const ModulatedPopulation system = endless_servers(population_lattice(200.0, 32.0));
  PopulationPath settled(system, certain(system.levels(), 1, 0, 0));
  settled.settle(60.0);
  PopulationPath followed(system, certain(system.levels(), 1, 0, 0), 0.0, 1e-7);
  followed.advance_to(30.0, [](double) { return 60.0; });
  CHECK((settled.law() - followed.law()).cwiseAbs().sum() < 1e-4);
  CHECK(mean(settled) == Approx(60.0).epsilon(1e-3));
}
