// SPDX-License-Identifier: Apache-2.0
#include "solvers/long_run/stationary.h"

#include <cmath>

#include "solvers/numerics/chain_error.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

const std::vector<Method> kMethods = {Method::kGth, Method::kBandedGth, Method::kGaussSeidel, Method::kMultilevel};

double truncated_geometric(double rho, Index n, Index capacity) {
  if (rho == 1.0) return 1.0 / static_cast<double>(capacity + 1);
  return std::pow(rho, n) * (1.0 - rho) / -std::expm1(static_cast<double>(capacity + 1) * std::log(rho));
}

double largest_relative_error(const Vector& found, const Vector& expected) {
  return ((found - expected).cwiseAbs().cwiseQuotient(expected)).maxCoeff();
}

}  // namespace

TEST_CASE("M/M/1/K is a truncated geometric distribution", "[solvers][stationary]") {
  // pi_n = rho^n (1 - rho) / (1 - rho^(K+1)): Kleinrock, Queueing Systems I, section 3.6.
  const double rho = GENERATE(0.1, 0.5, 0.99, 1.0, 1.5);
  const Method method = GENERATE(Method::kAutomatic, Method::kGth, Method::kBandedGth, Method::kGaussSeidel);
  const Index capacity = 20;
  const auto solution = solve_stationary(mm1k(rho, capacity), {.method = method, .tolerance = 1e-15});
  INFO(to_string(solution.method_used) << ": " << solution.message);
  REQUIRE(solution.usable());
  CHECK(solution.method_requested == method);
  const double epsilon = method == Method::kGaussSeidel ? 1e-9 : 1e-13;
  for (Index n = 0; n <= capacity; ++n) {
    if (method == Method::kGaussSeidel && truncated_geometric(rho, n, capacity) < 1e-6) continue;
    CHECK(solution.probability(n) == Approx(truncated_geometric(rho, n, capacity)).epsilon(epsilon));
  }
}

TEST_CASE("birth-death chains of 100,000 states keep ten digits in every state", "[solvers][stationary]") {
  const double rho = GENERATE(0.5, 0.999, 1.0, 1.001, 2.0);
  const Index capacity = 99'999;
  const auto solution = solve_stationary(mm1k(rho, capacity));
  REQUIRE(solution.usable());
  CHECK(solution.method_used == Method::kBandedGth);
  REQUIRE(solution.error_bound.has_value());
  CHECK(*solution.error_bound < 1e-10);
  // From the mode outwards, so that the closed form itself does not overflow.
  const double fall = rho <= 1.0 ? rho : 1.0 / rho;
  double worst = 0.0;
  for (Index n = 0; n <= capacity; ++n) {
    const Index from_mode = rho <= 1.0 ? n : capacity - n;
    const double exponent = static_cast<double>(from_mode) * std::log(fall);
    if (exponent < -690.0) continue;  // below 1e-300
    const double expected = truncated_geometric(fall, from_mode, capacity);
    worst = std::max(worst, std::abs(solution.probability(n) / expected - 1.0));
  }
  // pow() rounds its base's logarithm: 690 * 2^-53 relative, far below the bound asked for.
  CHECK(worst < 1e-10);
}

TEST_CASE("a valley of 1e-600 between two modes is crossed", "[solvers][stationary]") {
  // Symmetric: births 1, deaths 2 up to the middle, the other way round above it; the middle has weight 2^-2000.
  const Index capacity = 4000;
  const auto q = birth_death(
      capacity, [](Index n) { return n < 2000 ? 1.0 : 2.0; }, [](Index n) { return n <= 2000 ? 2.0 : 1.0; });
  const auto solution = solve_stationary(q);
  REQUIRE(solution.usable());
  CHECK(solution.probability(0) == Approx(0.25).epsilon(1e-12));
  CHECK(solution.probability(capacity) == Approx(0.25).epsilon(1e-12));
  CHECK(solution.probability(2000) == 0.0);
}

TEST_CASE("machine repairman: 10 machines, 2 crews", "[solvers][stationary]") {
  // p_n / p_0 = C(10, n) 0.1^n for n <= 2, then times n! / (2! 2^(n-2)): Gross, Harris, Fundamentals of Queueing
  // Theory, 2.9.
  const auto solution = solve_stationary(machine_repairman(10, 2, 0.1, 1.0));
  REQUIRE(solution.usable());
  double down = 0.0;
  for (Index n = 0; n <= 10; ++n) down += static_cast<double>(n) * solution.probability(n);
  CHECK(solution.probability(0) == Approx(0.367954594).margin(5e-10));
  CHECK(down == Approx(1.038637819).margin(5e-10));
}

TEST_CASE("Erlang's loss formula", "[solvers][stationary]") {
  // B(c, a) by the recursion B(n) = a B(n-1) / (n + a B(n-1)): Kleinrock I, section 3.5.
  const Index servers = GENERATE(1, 5, 100);
  const double load = GENERATE(0.1, 4.0, 90.0);
  double blocking = 1.0;
  for (Index n = 1; n <= servers; ++n) blocking = load * blocking / (static_cast<double>(n) + load * blocking);
  const auto q = birth_death(
      servers, [=](Index) { return load; }, [](Index n) { return static_cast<double>(n); });
  const auto solution = solve_stationary(q);
  REQUIRE(solution.usable());
  CHECK(solution.probability(servers) == Approx(blocking).epsilon(1e-12));
}

TEST_CASE("every method solves every chain", "[solvers][stationary]") {
  for (const NamedChain& chain : irreducible_chains()) {
    INFO(chain.name);
    REQUIRE(chain.generator.states() == chain.states);
    CHECK(chain.generator.transitions() == chain.transitions);
    const auto reference = solve_stationary(chain.generator, {.method = Method::kGth});
    REQUIRE(reference.usable());
    for (const Method method : kMethods) {
      const auto solution = solve_stationary(chain.generator, {.method = method, .tolerance = 1e-14});
      INFO(to_string(method) << ": " << solution.message);
      REQUIRE(solution.usable());
      CHECK(solution.method_used == method);
      CHECK(solution.residual_ratio() <= 1e-14);
      CHECK(solution.probability.minCoeff() > 0.0);
      CHECK(solution.probability.sum() == Approx(1.0).epsilon(1e-14));
      CHECK((solution.probability - reference.probability).cwiseAbs().maxCoeff() < 1e-9);
    }
  }
}

TEST_CASE("full and banded reduction agree in every digit but the last", "[solvers][stationary]") {
  for (const NamedChain& chain : irreducible_chains()) {
    INFO(chain.name);
    const auto full = solve_stationary(chain.generator, {.method = Method::kGth});
    const auto banded = solve_stationary(chain.generator, {.method = Method::kBandedGth});
    CHECK(largest_relative_error(full.probability, banded.probability) < 1e-13);
  }
}

TEST_CASE("a reduction keeps its digits when the states are renamed", "[solvers][stationary]") {
  // The entrywise bound holds for every order of elimination, however stiff the chain.
  const Index states = 150;
  const auto q = GENERATE_COPY(random_chain(states, 3, 1e-12, 1e3, 11), nearly_decomposable(states / 2, 1e-12, 12),
                               mm1k(0.5, states - 1));
  const auto plain = solve_stationary(q, {.method = Method::kGth});
  const auto mixed = solve_stationary(renamed(q, 67), {.method = Method::kGth});
  REQUIRE(plain.usable());
  REQUIRE(mixed.usable());
  for (Index i = 0; i < states; ++i) {
    CHECK(mixed.probability(i * 67 % states) == Approx(plain.probability(i)).epsilon(2.0 * *plain.error_bound));
  }
}

TEST_CASE("a panelled reduction agrees with the product form", "[solvers][stationary]") {
  // Renamed birth-death chain: a full matrix of 300 states, more than one panel of 32.
  const Index states = 300;
  const auto solution = solve_stationary(renamed(mm1k(0.9, states - 1), 77), {.method = Method::kGth});
  REQUIRE(solution.usable());
  for (Index n = 0; n < states; ++n) {
    CHECK(solution.probability(n * 77 % states) == Approx(truncated_geometric(0.9, n, states - 1)).epsilon(1e-12));
  }
}

TEST_CASE("a wide band is reduced in panels", "[solvers][stationary]") {
  // Tandem in row order: band 71 both ways, 5,041 states; reference: sweeps.
  const auto q = tandem(70, 0.7, 1.0, 0.9);
  REQUIRE(q.states() == 71 * 71);
  const auto banded = solve_stationary(q, {.method = Method::kBandedGth});
  const auto swept = solve_stationary(q, {.method = Method::kGaussSeidel, .tolerance = 1e-15});
  REQUIRE(banded.usable());
  REQUIRE(swept.usable());
  CHECK((banded.probability - swept.probability).cwiseAbs().maxCoeff() < 1e-11);
  CHECK(banded.residual_ratio() < 1e-15);
}

TEST_CASE("two states with rates 15 decades apart", "[solvers][stationary]") {
  const std::vector<Transition> transitions = {{0, 1, 1e-12}, {1, 0, 1e3}};
  const auto solution = solve_stationary(Generator(2, transitions));
  CHECK(solution.probability(1) == Approx(1e-15 / (1.0 + 1e-15)).epsilon(1e-14));
}

TEST_CASE("the unit of time does not matter", "[solvers][stationary]") {
  const auto q = random_chain(80, 3, 0.1, 10.0, 21);
  const auto per_second = solve_stationary(q);
  const auto per_age = solve_stationary(scaled(q, 0x1p-40));
  CHECK(per_second.probability == per_age.probability);
}

TEST_CASE("one state is stationary at once", "[solvers][stationary]") {
  const Method method = GENERATE(Method::kAutomatic, Method::kGaussSeidel);
  const auto solution = solve_stationary(Generator(1, {}), {.method = method});
  REQUIRE(solution.usable());
  CHECK(solution.probability(0) == 1.0);
  CHECK(solution.residual_ratio() == 0.0);
}

TEST_CASE("a result that was never computed says so", "[solvers][stationary]") {
  const StationarySolution nothing;
  CHECK_FALSE(nothing.usable());
  CHECK(to_string(nothing.termination) == "not_called");
  CHECK(nothing.message == "the solver was not called");
}

TEST_CASE("too few sweeps are not an answer", "[solvers][stationary]") {
  const auto solution =
      solve_stationary(tandem(20, 0.7, 1.0, 0.9), {.method = Method::kGaussSeidel, .max_iterations = 2});
  CHECK_FALSE(solution.usable());
  CHECK(solution.termination == Termination::kIterationLimit);
  CHECK(solution.iterations == 2);
  CHECK(solution.residual_ratio() > 1e-12);
}

TEST_CASE("the wrong question is refused", "[solvers][stationary]") {
  const std::vector<Transition> one_way = {{0, 1, 1.0}, {1, 2, 1.0}, {2, 1, 1.0}};
  CHECK_THROWS_WITH(
      solve_stationary(Generator(3, one_way)),
      "the chain is not irreducible: state 0 cannot be reached from state 1 (2 communicating classes, 1 of "
      "them bottom)");
  CHECK_THROWS_WITH(solve_stationary(mm1k(0.5, 3), {.tolerance = 0.0}), "tolerance 0 is not > 0");
  CHECK_THROWS_WITH(solve_stationary(mm1k(0.5, 3), {.max_iterations = 0}), "max_iterations 0 is not >= 1");
  CHECK_THROWS_WITH(solve_stationary(mm1k(0.5, 3), {.method = Method::kUniformization}),
                    "method uniformization does not solve this problem");
}

}  // namespace windtunnel::solvers
