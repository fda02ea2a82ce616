// SPDX-License-Identifier: Apache-2.0
#include "solvers/queues/population_process.h"

#include <cmath>

#include "solvers/long_run/stationary.h"
#include "test/catch.h"

using namespace windtunnel::solvers;

namespace {

// Susceptible, infected, recovered; infection by contact and from outside, recovery, loss of immunity. Nonlinear.
PopulationProcess epidemic() {
  const auto change = [](int s, int i, int r) { return (Eigen::VectorXi(3) << s, i, r).finished(); };
  return {{{change(-1, 1, 0), [](const Vector& x) { return x(0) * (0.1 + 2.0 * x(1)); }},
           {change(0, -1, 1), [](const Vector& x) { return x(1); }},
           {change(1, 0, -1), [](const Vector& x) { return 0.5 * x(2); }}}};
}

// Members fail at rate l and are repaired at rate m each, independently: binomial.
PopulationProcess independent_members() {
  const auto change = [](int up, int down) { return (Eigen::VectorXi(2) << up, down).finished(); };
  return {{{change(-1, 1), [](const Vector& x) { return 0.3 * x(0); }},
           {change(1, -1), [](const Vector& x) { return 0.7 * x(1); }}}};
}

Vector exact_mean_share(const PopulationProcess& process, const std::vector<int>& counts) {
  const auto space = population_chain(process, counts);
  const Vector law = solve_stationary(space.generator).probability;
  int members = 0;
  for (const int count : counts) members += count;
  Vector mean = Vector::Zero(static_cast<Index>(counts.size()));
  for (Index i = 0; i < law.size(); ++i)
    for (Index k = 0; k < mean.size(); ++k)
      mean(k) += law(i) * space.states[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)] / members;
  return mean;
}

}  // namespace

TEST_CASE("The path of independent members is exponential", "[solvers][fluid]") {
  const std::vector<double> times = {0.0, 0.5, 3.0, 40.0};
  const FluidPath path = fluid_path(independent_members(), Vector::Unit(2, 0), times);
  REQUIRE(path.usable());
  for (std::size_t k = 0; k < times.size(); ++k)
    CHECK(path.shares[k](1) == Approx(0.3 * (1.0 - std::exp(-times[k]))).margin(1e-8));
  CHECK(path.estimated_error < 1e-6);
  CHECK(path.shares[3].sum() == Approx(1.0).epsilon(1e-12));
}

TEST_CASE("Step control meets the tolerance on a nonlinear path", "[solvers][fluid]") {
  const Vector start = (Vector(3) << 0.99, 0.01, 0.0).finished();
  const FluidPath coarse = fluid_path(epidemic(), start, {10.0}, {.tolerance = 1e-6});
  const FluidPath fine = fluid_path(epidemic(), start, {10.0}, {.tolerance = 1e-12});
  CHECK((coarse.shares[0] - fine.shares[0]).lpNorm<Eigen::Infinity>() < 1e-4);
  CHECK((coarse.shares[0] - fine.shares[0]).lpNorm<Eigen::Infinity>() > 0.0);
  CHECK(fine.steps > 3 * coarse.steps);
  CHECK_FALSE(fluid_path(epidemic(), start, {10.0}, {.max_steps = 3}).usable());
}

TEST_CASE("Independent members: binomial covariance, nothing to correct", "[solvers][fluid]") {
  const MeanFieldSolution solution = solve_mean_field(independent_members(), Vector::Unit(2, 0));
  REQUIRE(solution.usable());
  CHECK(solution.share(1) == Approx(0.3).epsilon(1e-12));
  CHECK(solution.covariance(1, 1) == Approx(0.3 * 0.7).epsilon(1e-8));
  CHECK(solution.covariance(0, 1) == Approx(-0.3 * 0.7).epsilon(1e-8));
  CHECK(solution.correction.lpNorm<Eigen::Infinity>() < 1e-6);
  CHECK(solution.slowest_decay_per_s == Approx(-1.0).epsilon(1e-8));
}

TEST_CASE("The refinement takes an order of N off the error", "[solvers][fluid]") {
  const PopulationProcess process = epidemic();
  const MeanFieldSolution solution = solve_mean_field(process, (Vector(3) << 0.99, 0.01, 0.0).finished());
  REQUIRE(solution.usable());
  CHECK(solution.share.sum() == Approx(1.0).epsilon(1e-10));
  CHECK(solution.residual_per_s < 1e-13);
  std::vector<double> plain, refined;
  for (const int members : {10, 50, 200}) {
    const Vector exact = exact_mean_share(process, {members - 1, 1, 0});
    plain.push_back((solution.share - exact).lpNorm<Eigen::Infinity>());
    refined.push_back((solution.refined_share(members) - exact).lpNorm<Eigen::Infinity>());
  }
  // Errors fall as 1 / N and as 1 / N^2: from 50 to 200 members by 4 and by 16.
  CHECK(plain[1] / plain[2] == Approx(4.0).epsilon(0.15));
  CHECK(refined[1] / refined[2] == Approx(16.0).epsilon(0.3));
  CHECK(refined[2] < 0.03 * plain[2]);
  CHECK(refined[0] < 0.5 * plain[0]);
}

TEST_CASE("What does not rest is not usable", "[solvers][fluid]") {
  // Predator and prey circle for ever.
  const auto change = [](int a, int b) { return (Eigen::VectorXi(2) << a, b).finished(); };
  const PopulationProcess circling{{{change(1, 0), [](const Vector& x) { return x(0); }},
                                    {change(-1, 1), [](const Vector& x) { return x(0) * x(1); }},
                                    {change(0, -1), [](const Vector& x) { return x(1); }}}};
  const MeanFieldSolution solution =
      solve_mean_field(circling, (Vector(2) << 1.5, 1.0).finished(), {.max_steps = 20'000});
  CHECK_FALSE(solution.usable());
  CHECK_THAT(solution.message, ContainsSubstring("does not come to rest"));
}

TEST_CASE("Impossible populations are refused", "[solvers][fluid]") {
  CHECK_THROWS_WITH(solve_mean_field({}, Vector::Ones(1)), "a population without transitions");
  CHECK_THROWS_WITH(solve_mean_field(independent_members(), Vector::Ones(3)),
                    "transition class 0 changes 2 counts, expected 3");
  CHECK_THROWS_WITH(fluid_path(independent_members(), Vector::Ones(2), {2.0, 1.0}),
                    "times of a path, expected increasing and >= 0");
  const PopulationProcess leaking{{{(Eigen::VectorXi(2) << -1, 1).finished(), [](const Vector&) { return 1.0; }}}};
  CHECK_THROWS_WITH(population_chain(leaking, {1, 0}), "a population transition of rate 1 /s leads below 0");
}
