// SPDX-License-Identifier: Apache-2.0
// Chains on which other solvers are known to fail, with answers from closed forms: stiff, nearly decomposable,
// periodic, rare, absorbing, reducible, empty.
#include <cmath>
#include <string>

#include "solvers/csl/model_checking.h"
#include "solvers/csl/property_binding.h"
#include "solvers/csl/property_parser.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

CheckResult asked(const std::string& model_text, const std::string& formula) {
  auto model = prism::build_model(model_text, "model");
  const PropertyFile file = parse_properties(formula, "formula");
  declare_constants(file, model.scope);
  const BoundProperty bound = bind_property(file, file.properties.front(), model.chain, model.scope,
                                            [](const Query&) { return StateBounds{}; });
  const auto& question = std::get<Question>(bound);
  return check(model.chain, question.query, question.filter);
}

/// The bounds hold the exact value, whose own last digits are `slack` uncertain, and prove what the defaults promise.
void expect(const CheckResult& found, double exact, double slack = 1e-13) {
  INFO("between " << found.lower << " and " << found.upper << ", exactly " << exact << ": " << found.message);
  REQUIRE(found.usable());
  CHECK(found.lower <= exact * (exact > 0 ? 1.0 + slack : 1.0 - slack));
  CHECK(found.upper >= exact * (exact > 0 ? 1.0 - slack : 1.0 + slack));
  CHECK(found.value == Approx(exact).epsilon(1e-8).margin(1e-10));
}

// Four units fail at 1e-6 each, one crew repairs at 1e6: a ratio of 1e12.
const std::string kUnits =
    "ctmc module m x:[0..4]; [] x<4 -> (4-x)*1e-6:(x'=x+1); [] x>0 -> 1e6:(x'=x-1); endmodule "
    "label \"down\" = x=4; rewards \"broken\" true : x; endrewards";

TEST_CASE("A stiff machine: rare states, long times, every digit", "[solvers][hard]") {
  const double ratio = 1e-12;
  // pi_n = pi_0 4!/(4-n)! ratio^n.
  const double norm = 1 + 4 * ratio + 12 * ratio * ratio;
  const CheckResult down = asked(kUnits, "S=? [ \"down\" ]");
  expect(down, 24 * std::pow(ratio, 4) / norm);
  CHECK(down.value == Approx(24 * std::pow(ratio, 4) / norm).epsilon(1e-10));
  expect(asked(kUnits, "R{\"broken\"}=? [ S ]"), (4 * ratio + 24 * ratio * ratio) / norm);
  // One step up the ladder takes 1 / up_n + down / up_n of the step before: subtraction-free, 4e40 in the end.
  double step = 0.0;
  double total = 0.0;
  for (int n = 0; n < 4; ++n) {
    step = (1.0 + (n > 0 ? 1e6 * step : 0.0)) / ((4 - n) * 1e-6);
    total += step;
  }
  expect(asked(kUnits, "T=? [ F \"down\" ]"), total);
  // The time is exponential but for 1e-11 of it.
  expect(asked(kUnits, "P=? [ F<=1e40 \"down\" ]"), -std::expm1(-1e40 / total), 1e-10);
  expect(asked(kUnits, "T{\"quantile\",0.5}=? [ F \"down\" ]"), total * std::log(2.0), 1e-9);
  expect(asked(kUnits, "R{\"broken\"}=? [ C<=1e9 ]"), 1e9 * (4 * ratio + 24 * ratio * ratio) / norm, 1e-8);
}

// Two cycles of rates 1, 2, 3, with a way from one to the other at 1e-12 and back at 2e-12.
const std::string kBlocks =
    "ctmc module m b:[0..1]; x:[0..2]; [] x=0 -> 1:(x'=1); [] x=1 -> 2:(x'=2); [] x=2 -> 3:(x'=0); "
    "[] b=0 & x=0 -> 1e-12:(b'=1); [] b=1 & x=2 -> 2e-12:(b'=0); endmodule";

TEST_CASE("Nearly decomposable blocks", "[solvers][hard]") {
  // Shares 6/11, 3/11, 2/11 inside a block: across at 6e-12/11, back at 4e-12/11.
  const double there = 6e-12 / 11;
  const double back = 4e-12 / 11;
  expect(asked(kBlocks, "S=? [ b=1 ]"), there / (there + back), 1e-11);
  expect(asked(kBlocks, "P=? [ F<=1e12 b=1 ]"), -std::expm1(-there * 1e12), 1e-10);
  expect(asked(kBlocks, "P=? [ F=1e12 b=1 ]"), there / (there + back) * -std::expm1(-(there + back) * 1e12), 1e-10);
}

TEST_CASE("A ring of a thousand states, periodic when embedded", "[solvers][hard]") {
  const std::string ring = "ctmc module m x:[0..999]; [] true -> 1:(x'=mod(x+1,1000)); endmodule";
  expect(asked(ring, "S=? [ x=0 ]"), 1e-3);
  expect(asked(ring, "T=? [ F x=999 ]"), 999.0);
  expect(asked(ring, "T{\"variance\"}=? [ F x=999 ]"), 999.0, 1e-9);
}

// From 0 into one of three ends: a pair at 4 and 6, a pair at 1e-9 and 1e9, a single state.
const std::string kEnds =
    "ctmc module m x:[0..5]; [] x=0 -> 1:(x'=1) + 2:(x'=3) + 3:(x'=5); [] x=1 -> 4:(x'=2); [] x=2 -> 6:(x'=1); "
    "[] x=3 -> 1e-9:(x'=4); [] x=4 -> 1e9:(x'=3); endmodule "
    "rewards \"r\" x=2 : 5; x=5 : 7; endrewards rewards \"zero\" true : 0; endrewards";

TEST_CASE("Several ends, one of them stiff", "[solvers][hard]") {
  expect(asked(kEnds, "S=? [ x=2 ]"), 1.0 / 6 * 0.4);
  const CheckResult rare = asked(kEnds, "S=? [ x=4 ]");
  CHECK(rare.value == Approx(1.0 / 3 * 1e-18 / (1 + 1e-18)).epsilon(1e-10));
  expect(asked(kEnds, "S=? [ x=5 ]"), 0.5);
  expect(asked(kEnds, "R{\"r\"}=? [ S ]"), 1.0 / 6 * 0.4 * 5 + 3.5);
  expect(asked(kEnds, "R{\"r\"}=? [ C<=1e15 ]"), 1e15 * (1.0 / 3 + 3.5), 1e-12);
  expect(asked(kEnds, "P=? [ F<=1e9 x=4 ]"), 1.0 / 3 * -std::expm1(-1.0), 1e-8);
  CHECK(std::isinf(asked(kEnds, "T=? [ F x=4 ]").value));
  CHECK(std::isinf(asked(kEnds, "T{\"quantile\",0.6}=? [ F x=4 ]").value));
}

// From 0 by way of 1 and 2 into one of four ends: the classes of the graph come in another order than the states.
const std::string kFunnel =
    "ctmc module m x:[0..7]; [] x=0 -> 2581:(x'=1) + 0.2:(x'=2) + 87:(x'=3) + 0.1:(x'=4) + 25276:(x'=6) + "
    "243027:(x'=7); [] x=1 -> 223252:(x'=7); [] x=2 -> 1e-4:(x'=5) + 8.6:(x'=6); [] x=7 -> 1e-5:(x'=6); endmodule";

TEST_CASE("A funnel whose classes are numbered across the states", "[solvers][hard]") {
  const double out = 2581 + 0.2 + 87 + 0.1 + 25276 + 243027;
  const double by_two = 0.2 / out;
  expect(asked(kFunnel, "S=? [ x=6 ]"), (2581 + 25276 + 243027) / out + by_two * 8.6 / 8.6001);
  expect(asked(kFunnel, "S=? [ x=5 ]"), by_two * 1e-4 / 8.6001);
}

TEST_CASE("An unlikely end with a large average does not blur the others", "[solvers][hard]") {
  // With 1e-9 to the pair that earns 1e9 a second half of its time, else to the one that earns 1.
  const std::string ends =
      "ctmc module m x:[0..4]; [] x=0 -> 1e-9:(x'=1) + 1:(x'=3); [] x=1 -> 0.7:(x'=2); [] x=2 -> 0.3:(x'=1); "
      "[] x=3 -> 0.1:(x'=4); [] x=4 -> 0.7:(x'=3); endmodule rewards x=1 : 1e9; x=2 : 1e-3; x=3 : 1; endrewards";
  const double rare = 1e-9 / (1 + 1e-9);
  expect(asked(ends, "R=? [ S ]"), rare * (0.3e9 + 0.7e-3) + (1 - rare) * 0.7 / 0.8);
}

TEST_CASE("What is almost sure leaves a complement with its own digits", "[solvers][hard]") {
  const std::string steps =
      "ctmc module m x:[0..2]; [] x=0 -> 1:(x'=1); [] x=1 -> 1e6:(x'=2); endmodule rewards x=2 : 1; endrewards";
  // 1 - P(T <= 18) = (1e6 e^-18 - e^-18e6) / (1e6 - 1).
  const double late = 1e6 * std::exp(-18.0) / (1e6 - 1);
  expect(asked(steps, "P=? [ G<=18 x<2 ]"), late, 1e-9);
  expect(asked(steps, "P=? [ F[18,18.5] x=1 ]"), std::exp(-18.0) * (1 / (1e6 - 1) - std::expm1(-0.5)), 1e-9);
  expect(asked(steps, "P=? [ G[18,19] x=0 ]"), std::exp(-19.0), 1e-9);
}

TEST_CASE("Rewards of 1e12 beside 1e-12 at and until a time", "[solvers][hard]") {
  const std::string pair =
      "ctmc module m x:[0..1]; [] x=0 -> 1e-9:(x'=1); [] x=1 -> 1e6:(x'=0); endmodule "
      "rewards x=0 : 1e-12; x=1 : 1e12; endrewards";
  const double share = 1e-9 / (1e6 + 1e-9);
  for (const double time_s : {1e-9, 1e-4, 1.0, 1e9}) {
    const double sum = 1e6 + 1e-9;
    const double there = share * -std::expm1(-sum * time_s);
    const std::string t = std::to_string(time_s * 1e9) + "e-9";
    expect(asked(pair, "R=? [ I=" + t + " ]"), 1e12 * there + 1e-12 * (1 - there), 1e-9);
    const double spent = share * (time_s + std::expm1(-sum * time_s) / sum);
    expect(asked(pair, "R=? [ C<=" + t + " ]"), 1e12 * spent + 1e-12 * (time_s - spent), 1e-6);
  }
}

TEST_CASE("A quantile after a million ticks", "[solvers][hard]") {
  // Exponential at 1 a second, whatever goes back and forth at 1e6 meanwhile.
  const std::string restless =
      "ctmc module m x:[0..2]; [] x=0 -> 1e6:(x'=1) + 1:(x'=2); [] x=1 -> 1e6:(x'=0) + 1:(x'=2); endmodule";
  const CheckResult found = asked(restless, "T{\"quantile\",0.7}=? [ F x=2 ]");
  expect(found, -std::log1p(-0.7));
  CHECK(*found.error_bound <= 1e-10);
}

TEST_CASE("Zero rewards are exactly 0", "[solvers][hard]") {
  for (const std::string path : {"S", "C", "C<=1e9", "I=3", "C<=0"}) {
    const CheckResult found = asked(kEnds, "R{\"zero\"}=? [ " + path + " ]");
    REQUIRE(found.usable());
    CHECK(found.value == 0.0);
    CHECK(*found.error_bound < 1e-300);
  }
}

const std::string kStuck =
    "ctmc module m x:[0..2] init 0; [] x=1 -> 1:(x'=2); endmodule label \"none\" = false; label \"all\" = true; "
    "rewards \"r\" x=0 : 2; endrewards rewards \"z\" x=2 : 2; endrewards";

TEST_CASE("One state that nothing leaves", "[solvers][hard]") {
  const auto value = [](const std::string& formula) {
    const CheckResult found = asked(kStuck, formula);
    REQUIRE(found.usable());
    return found.value;
  };
  CHECK(value("S=? [ \"none\" ]") == 0.0);
  CHECK(value("S=? [ \"all\" ]") == 1.0);
  CHECK(value("P=? [ F \"none\" ]") == 0.0);
  CHECK(value("P=? [ F<=0 \"all\" ]") == 1.0);
  CHECK(value("P=? [ X \"all\" ]") == 0.0);
  CHECK(value("P=? [ G \"all\" ]") == 1.0);
  CHECK(value("R{\"r\"}=? [ C<=3 ]") == Approx(6.0).epsilon(1e-12));
  CHECK(value("R{\"r\"}=? [ I=0 ]") == 2.0);
  CHECK(value("R{\"z\"}=? [ C ]") == 0.0);
  CHECK(std::isinf(value("R{\"r\"}=? [ C ]")));
  CHECK(std::isinf(value("R{\"r\"}=? [ F x=2 ]")));
  CHECK(std::isinf(value("T{\"quantile\",0.5}=? [ F x=2 ]")));
  CHECK(value("T=? [ F x=0 ]") == 0.0);
}

TEST_CASE("Repairs at 1e6 in a chain too large for matrices: the series still ends", "[solvers][hard]") {
  // 600 independent units, fail 1e-3, repaired 10: known mean at any time.
  const std::string units =
      "ctmc module m x:[0..600]; [] x<600 -> (600-x)*1e-3:(x'=x+1); [] x>0 -> x*10:(x'=x-1); endmodule "
      "rewards true : x; endrewards";
  const double share = 1e-3 / 10.001;
  expect(asked(units, "R=? [ I=0.1 ]"), 600 * share * -std::expm1(-1.0001), 1e-9);
  expect(asked(units, "R=? [ C<=1000 ]"), 600 * share * (1000 - 1 / 10.001), 1e-9);
}

}  // namespace
}  // namespace windtunnel::solvers
