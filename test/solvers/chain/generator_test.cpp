// SPDX-License-Identifier: Apache-2.0
#include "solvers/chain/generator.h"

#include <limits>

#include "solvers/numerics/chain_error.h"
#include "test/catch.h"
#include "test/solvers/example_chains.h"

namespace windtunnel::solvers {
namespace {

std::string mistake(Index states, std::vector<Transition> transitions) {
  try {
    Generator(states, transitions);
  } catch (const ChainError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a generator keeps the sum of repeated transitions and the exit rates", "[solvers][generator]") {
  const std::vector<Transition> transitions = {{2, 0, 0.5}, {0, 2, 1.0}, {0, 1, 3.0}, {0, 2, 2.0}, {1, 0, 4.0}};
  const Generator q(4, transitions);
  CHECK(q.states() == 4);
  REQUIRE(q.transitions() == 4);
  REQUIRE(q.outgoing().row(0).size() == 2);
  CHECK(q.outgoing().row(0)[0].state == 1);
  CHECK(q.outgoing().row(0)[1].state == 2);
  CHECK(q.outgoing().row(0)[1].rate_per_s == 3.0);
  CHECK(q.exit_rate(0) == 6.0);
  CHECK(q.exit_rate(3) == 0.0);
  CHECK(q.max_exit_rate() == 6.0);
}

TEST_CASE("incoming rates are the outgoing ones read backwards", "[solvers][generator]") {
  const Generator q = random_chain(60, 3, 0.1, 10.0, 5);
  const SparseRates incoming = q.incoming();
  REQUIRE(incoming.size() == q.transitions());
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(60, 60);
  Eigen::MatrixXd in = Eigen::MatrixXd::Zero(60, 60);
  for (Index i = 0; i < 60; ++i) {
    for (const auto [to, rate] : q.outgoing().row(i)) out(i, to) = rate;
    for (const auto [from, rate] : incoming.row(i)) in(from, i) = rate;
  }
  CHECK(out == in);
}

TEST_CASE("net flow sums to zero", "[solvers][generator]") {
  const Generator q = random_chain(60, 3, 0.1, 10.0, 6);
  const Vector uniform = Vector::Constant(60, 1.0 / 60.0);
  CHECK(net_flow_per_s(q, uniform).sum() == Approx(0.0).margin(1e-13));
}

TEST_CASE("a wrong transition is named", "[solvers][generator]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double huge = std::numeric_limits<double>::max();
  CHECK(mistake(2, {{0, 1, -1.0}}) == "transition 0 -> 1: rate -1 per s is not finite and > 0");
  CHECK(mistake(2, {{0, 1, 0.0}}) == "transition 0 -> 1: rate 0 per s is not finite and > 0");
  CHECK(mistake(2, {{1, 0, nan}}) == "transition 1 -> 0: rate nan per s is not finite and > 0");
  CHECK(mistake(2, {{1, 1, 1.0}}) == "transition 1 -> 1: a state cannot go to itself");
  CHECK(mistake(3, {{0, 3, 1.0}}) == "transition 0 -> 3: state 3 does not exist, the chain has states 0 to 2");
  CHECK(mistake(3, {{-1, 2, 1.0}}) == "transition -1 -> 2: state -1 does not exist, the chain has states 0 to 2");
  CHECK(mistake(0, {}) == "a chain has 1 to 2147483647 states, got 0");
  CHECK(mistake(3, {{0, 1, huge}, {0, 2, huge}}) == "state 0: the sum of its rates overflows");
}

TEST_CASE("a builder refuses a target that never became a state", "[solvers][generator]") {
  GeneratorBuilder builder;
  builder.add(1, 2.0);
  builder.finish_state();
  CHECK_THROWS_WITH(std::move(builder).build(),
                    "transition 0 -> 1: state 1 does not exist, the chain has states 0 to 0");
}

}  // namespace windtunnel::solvers
