// SPDX-License-Identifier: Apache-2.0
// Derivatives of rates and rewards by a constant of the model, against formulas differentiated by hand in long double.
#include "solvers/prism/chain_derivative.h"

#include <cmath>

#include "solvers/csl/derivative_bounds.h"
#include "solvers/csl/sensitivity.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers::prism {
namespace {

ChainChange derivative(const std::string& text, const std::string& by, const std::string& constants = "",
                       std::optional<std::size_t> rewards = {}) {
  const GivenConstants given = parse_constants(constants);
  return model_derivative(text, "m.prism", given, by, build_model(text, "m.prism", given), rewards);
}

/// The derivative of a rate by c, at c = value.
Enclosure slope_of(const std::string& rate, const std::string& value) {
  const std::string text =
      "ctmc const double c; module m x:[0..1]; [] x=0 -> " + rate + ":(x'=1); [] x=1 -> 1:(x'=0); endmodule";
  const ChainChange change = derivative(text, "c", "c=" + value);
  return {change.rate[0], change.rate_error[0]};
}

void check_holds(const Enclosure& slope, long double exact, double relative = 1e-14) {
  CHECK(static_cast<long double>(slope.lower()) <= exact);
  CHECK(static_cast<long double>(slope.upper()) >= exact);
  CHECK(static_cast<long double>(slope.error) <= relative * std::abs(exact));
}

TEST_CASE("Every operator, differentiated", "[solvers][sensitivity][prism]") {
  const std::string value = GENERATE("0.1", "0.7", "3", "1e4");
  const long double c = parse_constants("c=" + value).at("c").as_double();
  check_holds(slope_of("c", value), 1);
  check_holds(slope_of("c*c*c", value), 3 * c * c);
  check_holds(slope_of("2/c", value), -2 / (c * c));
  check_holds(slope_of("c/(1+c)", value), 1 / ((1 + c) * (1 + c)), 1e-10);
  check_holds(slope_of("7+c*c-3*c+1e4*c", value), 2 * c - 3 + 1e4L);
  check_holds(slope_of("pow(c,2.5)", value), 2.5L * std::pow(c, 1.5L));
  check_holds(slope_of("pow(2.0,c/1e3)", value), std::log(2.0L) / 1e3L * std::pow(2.0L, c / 1e3L));
  check_holds(slope_of("pow(c,c/1e4)", value), std::pow(c, c / 1e4L) * (std::log(c) / 1e4L + c / 1e4L / c), 1e-12);
  check_holds(slope_of("log(1+c,10)", value), 1 / ((1 + c) * std::log(10.0L)), 1e-12);
  check_holds(slope_of("min(c,2)+max(c,5)+1", value), (c < 2 ? 1 : 0) + (c > 5 ? 1 : 0));
  check_holds(slope_of("c>2 ? 5*c : 1", value), c > 2 ? 5 : 0);
  check_holds(slope_of("floor(c+0.5001)+ceil(c/7)+round(c/3)+c", value), 1);
}

TEST_CASE("Rounding that cancels is enclosed", "[solvers][sensitivity][prism]") {
  // (1 + c)^2 - (1 + 2 c) = c^2: slopes 2 (1 + c) and 2 cancel to 2 c.
  const long double c = 1e-12;
  const Enclosure slope = slope_of("1+((1+c)*(1+c)-(1+2*c))", "1e-12");
  CHECK(std::abs(static_cast<long double>(slope.value) - 2 * c) <= slope.error);
  CHECK(slope.error < 1e-14);
}

TEST_CASE("Constants of constants, products of synchronised rates, merged commands", "[solvers][sensitivity][prism]") {
  // Rate from 0 to 1: l m + 2 l with m = 1 / l + 3, that is 1 + 5 l.
  const std::string text =
      "ctmc const double l = 0.3; const double m = 1/l+3; formula f = 2*l;\n"
      "module a x:[0..1]; [go] x=0 -> l:(x'=1); [] x=0 -> f:(x'=1); [back] x=1 -> 1:(x'=0); endmodule\n"
      "module b y:[0..1]; [go] true -> m:true; endmodule\n"
      "rewards \"r\" x=0 : l*l; [go] true : l; [back] true : 7; endrewards";
  const ChainChange by_l = derivative(text, "l", "", 0);
  const long double l = 0.3;
  check_holds({by_l.rate[0], by_l.rate_error[0]}, 5.0L);
  CHECK(by_l.rate[1] == 0.0);
  // Earned: l^2 + l m l = 4 l^2 + l.
  check_holds({by_l.reward_per_s(0), by_l.reward_error(0)}, 8 * l + 1);
  CHECK(by_l.reward_per_s(1) == 0.0);
  const ChainChange by_m = derivative(text, "m");
  check_holds({by_m.rate[0], by_m.rate_error[0]}, l);
}

TEST_CASE("Availability of two units as a function of its mean times, with bounds", "[solvers][sensitivity][prism]") {
  // One repair crew, a = l / m: P(both down) = 2 a^2 / (1 + 2 a + 2 a^2); dP/da = (4 a + 4 a^2) / (1 + 2 a + 2 a^2)^2.
  const std::string text =
      "ctmc const double mttf = 1024; const double mttr = 8;\n"
      "module u n:[0..2] init 2; [] n>0 -> n/mttf:(n'=n-1); [] n<2 -> 1/mttr:(n'=n+1); endmodule";
  const BuiltModel model = build_model(text, "m.prism");
  const StateSet down = {false, false, true};
  const Sensitivity found = solve_sensitivity(model.chain, {.kind = QueryKind::kSteadyState, .steady_states = down});
  const Interval bounds = DerivativeBounds(model.chain, found).of(model_derivative(text, "m.prism", {}, "mttr", model));
  const long double a = 8.0L / 1024;
  const long double sum = 1 + 2 * a + 2 * a * a;
  const long double exact = (4 * a + 4 * a * a) / (sum * sum) / 1024;
  CHECK(static_cast<long double>(bounds.lower) <= exact);
  CHECK(static_cast<long double>(bounds.upper) >= exact);
  CHECK(bounds.upper - bounds.lower < 1e-12 * bounds.upper);
}

TEST_CASE("Counted modules are differentiated as they are counted", "[solvers][sensitivity][prism]") {
  const std::string text =
      "ctmc const double l = 0.25; const double k = 0.25;\n"
      "module m1 x1:[0..1]; [] x1=0 -> l:(x1'=1); [] x1=1 -> 1:(x1'=0); endmodule\n";
  const std::string alike = text + "module m2 = m1 [ x1=x2 ] endmodule";
  const BuiltModel counted = build_model(alike, "m.prism", {}, {}, {.groups = {"m1,m2"}, .detect_for = {}});
  REQUIRE(counted.chain.states() == 3);
  CHECK(model_derivative(alike, "m.prism", {}, "l", counted).rate[0] == 2.0);
  // Equal values do not make equal models: only one of the two fails at l.
  const std::string unlike = text + "module m2 x2:[0..1]; [] x2=0 -> k:(x2'=1); [] x2=1 -> 1:(x2'=0); endmodule";
  const BuiltModel same = build_model(unlike, "m.prism", {}, {}, {.groups = {"m1,m2"}, .detect_for = {}});
  CHECK_THROWS_AS(model_derivative(unlike, "m.prism", {}, "l", same), InputError);
}

TEST_CASE("Where there is no derivative", "[solvers][sensitivity][prism]") {
  const auto model = [](const std::string& rate, const std::string& guard = "x=0") {
    return "ctmc const double c = 2; const double z = 0;\nmodule m x:[0..1];\n[] " + guard + " -> " + rate +
           ":(x'=1);\n[] x=1 -> 1:(x'=0);\nendmodule";
  };
  CHECK_THROWS_WITH(derivative(model("min(c,2)"), "c"),
                    "m.prism:3:11: no derivative: two numbers that are compared are both 2 in state (x=0)");
  CHECK_THROWS_WITH(derivative(model("1+floor(c)"), "c"),
                    "m.prism:3:13: no derivative: 2 is rounded where it jumps in state (x=0)");
  CHECK_THROWS_WITH(derivative(model("1+round(c/4)"), "c"),
                    "m.prism:3:13: no derivative: 1 is rounded where it jumps in state (x=0)");
  CHECK_THROWS_WITH(derivative(model("1", "x<c-1"), "c"),
                    "m.prism:3:5: no derivative: two numbers that are compared are both 1 in state (x=1)");
  CHECK_THROWS_WITH(derivative(model("1+pow(z,0.5)"), "z"), "m.prism: the derivative of a rate is inf in state (x=0)");
  CHECK_THROWS_WITH(
      derivative("ctmc const double z = 0;\nmodule m x:[0..1];\n[] x=0 -> 1:(x'=1);\n[] x=1 -> z:(x'=0);\nendmodule",
                 "z"),
      "m.prism:4:11: no derivative: the rate is 0 here, but not beside in state (x=1)");
  CHECK_THROWS_WITH(derivative(model("1") + "\nlabel \"l\" = x+1<c;", "c"),
                    "m.prism:6:16: no derivative: two numbers that are compared are both 2");
  // Not at the jump, or by another constant, there is one.
  CHECK(derivative(model("min(c,2.5)"), "c").rate[0] == 1.0);
  CHECK(derivative(model("1+floor(c)"), "z").rate[0] == 0.0);
}

}  // namespace
}  // namespace windtunnel::solvers::prism
