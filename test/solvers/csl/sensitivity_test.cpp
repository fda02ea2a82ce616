// SPDX-License-Identifier: Apache-2.0
#include "solvers/csl/sensitivity.h"

#include "solvers/numerics/chain_error.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

LabelledChain labelled(Index states, const std::vector<Transition>& transitions) {
  return {.generator = Generator(states, transitions)};
}

StateSet only(Index states, Index member) {
  StateSet set(static_cast<std::size_t>(states), false);
  set[static_cast<std::size_t>(member)] = true;
  return set;
}

TEST_CASE("Availability by failure and repair rate", "[solvers][sensitivity]") {
  // p = l / (l + m): dp/dl = m / (l + m)^2, dp/dm = -l / (l + m)^2.
  const double l = GENERATE(1e-9, 0.5, 1e6);
  const double m = GENERATE(1e-3, 4.0);
  const LabelledChain chain = labelled(2, {{0, 1, l}, {1, 0, m}});
  Query down{.kind = QueryKind::kSteadyState, .steady_states = only(2, 1)};
  const Sensitivity found = solve_sensitivity(chain, down);
  REQUIRE(found.usable());
  CHECK(found.value == Approx(l / (l + m)).epsilon(1e-12));
  CHECK(found.by_rate(0, 1) == Approx(m / (l + m) / (l + m)).epsilon(1e-9));
  CHECK(found.by_rate(1, 0) == Approx(-l / (l + m) / (l + m)).epsilon(1e-9));
}

TEST_CASE("A race that ends in one of two bottom classes", "[solvers][sensitivity]") {
  // From 0 to 1 at a, to 2 at b; 1 <-> 3 at c and d: share in 3 is a / (a + b) c / (c + d).
  const double a = 1.0;
  const double b = 3.0;
  const double c = 2.0;
  const double d = 5.0;
  const LabelledChain chain = labelled(4, {{0, 1, a}, {0, 2, b}, {1, 3, c}, {3, 1, d}});
  const Sensitivity share = solve_sensitivity(chain, {.kind = QueryKind::kSteadyState, .steady_states = only(4, 3)});
  CHECK(share.value == Approx(1.0 / 14).epsilon(1e-12));
  CHECK(share.by_rate(0, 1) == Approx(b / 16 * 2 / 7).epsilon(1e-9));
  CHECK(share.by_rate(0, 2) == Approx(-a / 16 * 2 / 7).epsilon(1e-9));
  CHECK(share.by_rate(1, 3) == Approx(0.25 * d / 49).epsilon(1e-9));
  CHECK(share.by_rate(3, 1) == Approx(-0.25 * c / 49).epsilon(1e-9));
  // P(F 2) = b / (a + b), its complement the other way round.
  Query reach{.kind = QueryKind::kProbability};
  reach.path.left = StateSet(4, true);
  reach.path.right = only(4, 2);
  CHECK(solve_sensitivity(chain, reach).by_rate(0, 2) == Approx(a / 16).epsilon(1e-9));
  reach.path.complement = true;
  CHECK(solve_sensitivity(chain, reach).by_rate(0, 2) == Approx(-a / 16).epsilon(1e-9));
}

TEST_CASE("Mean time to failure of two units with repair", "[solvers][sensitivity]") {
  // 2 up -> 1 up at 2 l, back at m, 1 up -> 0 at l: MTTF = (3 l + m) / (2 l^2).
  const double l = 1e-4;
  const double m = 1.0;
  const LabelledChain chain = labelled(3, {{0, 1, 2 * l}, {1, 0, m}, {1, 2, l}});
  Query passage{.kind = QueryKind::kPassageTime};
  passage.passage.target = only(3, 2);
  const Sensitivity found = solve_sensitivity(chain, passage);
  CHECK(found.value == Approx((3 * l + m) / (2 * l * l)).epsilon(1e-12));
  CHECK(found.by_rate(1, 0) == Approx(1 / (2 * l * l)).epsilon(1e-8));
  const double by_l = 2 * found.by_rate(0, 1) + found.by_rate(1, 2);
  CHECK(by_l == Approx(-(3 * l + 2 * m) / (2 * l * l * l)).epsilon(1e-8));
}

TEST_CASE("The first-order change predicts a small change of the model", "[solvers][sensitivity]") {
  const std::string text =
      "ctmc const double r; module q x:[0..20]; [] x<20 -> r:(x'=x+1); [serve] x>0 -> 3:(x'=x-1); endmodule "
      "rewards \"n\" true : x; [serve] true : 1; endrewards";
  const auto model = [&](const std::string& r) {
    return prism::build_model(text, "q.prism", prism::parse_constants("r=" + r));
  };
  const prism::BuiltModel here = model("2");
  const Query mean{.kind = QueryKind::kReward};
  const Sensitivity before = solve_sensitivity(here.chain, mean);
  const double exact = solve_sensitivity(model("2.0001").chain, mean).value - before.value;
  const ChainChange change = model_derivative(text, "q.prism", prism::parse_constants("r=2"), "r", here, 0);
  CHECK(1e-4 * along(here.chain, before, change) == Approx(exact).epsilon(1e-3));
}

TEST_CASE("Questions without derivatives", "[solvers][sensitivity]") {
  const LabelledChain chain = labelled(2, {{0, 1, 1.0}, {1, 0, 1.0}});
  Query timed{.kind = QueryKind::kProbability};
  timed.path.left = StateSet(2, true);
  timed.path.right = only(2, 1);
  timed.path.time.upper_s = 3.0;
  CHECK_THROWS_WITH(solve_sensitivity(chain, timed),
                    "sensitivities are known for long-run averages and for what happens without a time limit only");
}

}  // namespace
}  // namespace windtunnel::solvers
