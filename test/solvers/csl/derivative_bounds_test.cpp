// SPDX-License-Identifier: Apache-2.0
// Bounds on derivatives against closed forms, also where the solution they start from is wrong.
#include "solvers/csl/derivative_bounds.h"

#include <cmath>

#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

StateSet only(Index states, Index member) {
  StateSet set(static_cast<std::size_t>(states), false);
  set[static_cast<std::size_t>(member)] = true;
  return set;
}

LabelledChain chain_of(Index states, const std::vector<Transition>& transitions) {
  return {.generator = Generator(states, transitions)};
}

/// Holds the derivative, and says `digits` of it.
void check_holds(const Interval& bounds, long double exact, double relative) {
  CHECK(static_cast<long double>(bounds.lower) <= exact);
  CHECK(static_cast<long double>(bounds.upper) >= exact);
  CHECK(static_cast<long double>(bounds.upper) - static_cast<long double>(bounds.lower) <= relative * std::abs(exact));
}

TEST_CASE("Bounds on the derivatives of an availability", "[solvers][sensitivity]") {
  // p = l / (l + m): dp/dl = m / (l + m)^2, dp/dm = -l / (l + m)^2.
  const double l = GENERATE(1e-3, 0.5, 1e3);
  const double m = GENERATE(1e-2, 4.0);
  const LabelledChain chain = chain_of(2, {{0, 1, l}, {1, 0, m}});
  const Sensitivity found = solve_sensitivity(chain, {.kind = QueryKind::kSteadyState, .steady_states = only(2, 1)});
  const DerivativeBounds bounds(chain, found);
  const long double sum = static_cast<long double>(l) + m;
  ChainChange by_l(chain.generator);
  by_l.rate[0] = 1.0;
  check_holds(bounds.of(by_l), m / sum / sum, 1e-9);
  ChainChange by_m(chain.generator);
  by_m.rate[1] = 1.0;
  check_holds(bounds.of(by_m), -l / sum / sum, 1e-9);
}

TEST_CASE("Bounds where the chain ends in one of two classes", "[solvers][sensitivity]") {
  // From 0 to 1 at a, to 2 at b; 1 <-> 3 at c and d: share in 3 is a / (a + b) c / (c + d).
  const double a = 1.0;
  const double b = 3.0;
  const double c = 2.0;
  const double d = 5.0;
  const LabelledChain chain = chain_of(4, {{0, 1, a}, {0, 2, b}, {1, 3, c}, {3, 1, d}});
  const Sensitivity found = solve_sensitivity(chain, {.kind = QueryKind::kSteadyState, .steady_states = only(4, 3)});
  const DerivativeBounds bounds(chain, found);
  ChainChange change(chain.generator);
  change.rate = {1.0, 0.0, 0.0, 0.0};
  check_holds(bounds.of(change), b / 16.0L * 2 / 7, 1e-9);
  change.rate = {0.0, 1.0, 0.0, 0.0};
  check_holds(bounds.of(change), -a / 16.0L * 2 / 7, 1e-9);
  change.rate = {0.0, 0.0, 1.0, 1.0};
  check_holds(bounds.of(change), 0.25L * (d - c) / 49, 1e-9);
}

TEST_CASE("Bounds on the derivatives of a mean time to failure", "[solvers][sensitivity]") {
  // 2 up -> 1 up at 2 l, back at m, 1 up -> 0 at l: MTTF = (3 l + m) / (2 l^2).
  const double l = 0x1p-10;
  const double m = 1.0;
  const LabelledChain chain = chain_of(3, {{0, 1, 2 * l}, {1, 0, m}, {1, 2, l}});
  Query passage{.kind = QueryKind::kPassageTime};
  passage.passage.target = only(3, 2);
  const Sensitivity found = solve_sensitivity(chain, passage);
  const DerivativeBounds bounds(chain, found);
  ChainChange by_l(chain.generator);
  by_l.rate = {2.0, 0.0, 1.0};
  const long double exact = l;
  check_holds(bounds.of(by_l), -(3 * exact + 2 * m) / (2 * exact * exact * exact), 1e-9);
  ChainChange by_m(chain.generator);
  by_m.rate = {0.0, 1.0, 0.0};
  check_holds(bounds.of(by_m), 1 / (2 * exact * exact), 1e-7);
}

TEST_CASE("Bounds hold whatever the solution they start from", "[solvers][sensitivity]") {
  // M/M/1/K at rho = 1/2 with mu = 1: dP(full)/dlambda = K/lambda P - P (sum of n rho^n) / (sum of rho^n) / lambda.
  const Index capacity = 12;
  const double rho = 0.5;
  const LabelledChain chain{.generator = mm1k(rho, capacity)};
  Sensitivity found =
      solve_sensitivity(chain, {.kind = QueryKind::kSteadyState, .steady_states = only(capacity + 1, capacity)});
  long double sum = 0.0;
  long double first = 0.0;
  for (Index n = 0; n <= capacity; ++n) {
    sum += std::pow(static_cast<long double>(rho), n);
    first += static_cast<long double>(n) * std::pow(static_cast<long double>(rho), n);
  }
  const long double full = std::pow(static_cast<long double>(rho), capacity) / sum;
  const long double exact = full / rho * (static_cast<long double>(capacity) - first / sum);
  ChainChange by_arrivals(chain.generator);
  for (Index n = 0; n < capacity; ++n) {
    by_arrivals.rate[static_cast<std::size_t>(chain.generator.outgoing().begin[static_cast<std::size_t>(n) + 1]) - 1] =
        1.0;
  }
  check_holds(DerivativeBounds(chain, found).of(by_arrivals), exact, 1e-9);
  found.bias.high(7) += 1e-5;
  const Interval wide = DerivativeBounds(chain, found).of(by_arrivals);
  check_holds(wide, exact, HUGE_VAL);
  CHECK(wide.upper - wide.lower > 1e-9);
  CHECK(wide.upper - wide.lower < 1e-2);
}

TEST_CASE("What is not known of a change widens the bounds", "[solvers][sensitivity]") {
  const LabelledChain chain = chain_of(2, {{0, 1, 1.0}, {1, 0, 3.0}});
  const Sensitivity found = solve_sensitivity(chain, {.kind = QueryKind::kSteadyState, .steady_states = only(2, 1)});
  const DerivativeBounds bounds(chain, found);
  ChainChange change(chain.generator);
  change.rate[0] = 2.0;
  change.rate_error[0] = 0.5;
  // dp/dl = 3 / 16, times 1.5 to 2.5.
  CHECK(bounds.of(change).lower == Approx(1.5 * 3.0 / 16).epsilon(1e-9));
  CHECK(bounds.of(change).upper == Approx(2.5 * 3.0 / 16).epsilon(1e-9));
}

TEST_CASE("Nothing changes: the derivative is 0 and known to be", "[solvers][sensitivity]") {
  const LabelledChain chain = chain_of(2, {{0, 1, 1.0}, {1, 0, 3.0}});
  const Sensitivity found = solve_sensitivity(chain, {.kind = QueryKind::kSteadyState, .steady_states = only(2, 1)});
  const Interval bounds = DerivativeBounds(chain, found).of(ChainChange(chain.generator));
  CHECK(bounds.lower == 0.0);
  CHECK(bounds.upper == 0.0);
}

}  // namespace
}  // namespace windtunnel::solvers
