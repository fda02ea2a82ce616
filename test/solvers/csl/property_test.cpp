// SPDX-License-Identifier: Apache-2.0
// Properties: what they mean once bound to a chain, and what is wrong with those that cannot be.
#include "solvers/csl/property_binding.h"

#include <limits>
#include <string>

#include "solvers/numerics/chain_error.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

// Four states x = 0 .. 3 in this order.
const std::string kModel =
    "ctmc const double t; module m x:[0..3]; b:bool; [] x<3 -> 1:(x'=x+1); [] x>0 -> 2:(x'=x-1); endmodule\n"
    "label \"low\" = x<2; rewards \"first\" true:1; endrewards rewards \"second\" true:2; endrewards\n";

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Inner operators have the values 0, 1/4, 1/2, 3/4.
StateBounds quarters(const Query&) {
  const Vector values{{0.0, 0.25, 0.5, 0.75}};
  return {values, values};
}

BoundProperty bound(const std::string& text, const std::string& constants = "t=2,T=7") {
  prism::BuiltModel model = prism::build_model(kModel, "m.prism", prism::parse_constants(constants));
  const PropertyFile file = parse_properties(text, "p.props");
  declare_constants(file, model.scope);
  return bind_property(file, file.properties.back(), model.chain, model.scope, quarters);
}

Question question(const std::string& text) {
  return std::get<Question>(bound(text));
}

prism::Value value(const std::string& text) {
  return std::get<prism::Value>(bound(text));
}

std::string mistake(const std::string& text) {
  try {
    bound(text);
  } catch (const InputError& error) {
    return error.what();
  } catch (const ChainError& error) {
    return error.what();
  }
  return "no mistake";
}

StateSet states(const std::string& flags) {
  StateSet set;
  for (const char flag : flags) set.push_back(flag == '1');
  return set;
}

TEST_CASE("Path operators", "[solvers][csl]") {
  const PathFormula next = question("P=? [ X x=1 ]").query.path;
  CHECK(next.path_operator == PathOperator::kNext);
  CHECK(next.right == states("0100"));
  const PathFormula until = question("P=? [ \"low\" & x>0 U !\"low\" ]").query.path;
  CHECK(until.path_operator == PathOperator::kUntil);
  CHECK(until.left == states("0100"));
  CHECK(until.right == states("0011"));
  CHECK(until.time.unbounded());
  CHECK_FALSE(until.complement);
  const PathFormula eventually = question("P=? [ F x=3 ]").query.path;
  CHECK(eventually.left == states("1111"));
  CHECK(eventually.right == states("0001"));
}

TEST_CASE("G, W and R are complements of untils", "[solvers][csl]") {
  const PathFormula globally = question("P=? [ G<=3 x<3 ]").query.path;
  CHECK(globally.complement);
  CHECK(globally.left == states("1111"));
  CHECK(globally.right == states("0001"));
  CHECK(globally.time.upper_s == 3.0);
  const PathFormula weak = question("P=? [ x<2 W x=2 ]").query.path;
  CHECK(weak.complement);
  CHECK(weak.left == states("1100"));
  CHECK(weak.right == states("0001"));
  const PathFormula release = question("P=? [ x=0 R x<3 ]").query.path;
  CHECK(release.complement);
  CHECK(release.left == states("0111"));
  CHECK(release.right == states("0001"));
}

TEST_CASE("Time intervals", "[solvers][csl]") {
  const auto interval = [](const std::string& bounds) {
    return question("P=? [ F" + bounds + " x=3 ]").query.path.time;
  };
  CHECK(interval("<=t").upper_s == 2.0);
  CHECK(interval("<t").upper_s == 2.0);
  CHECK(interval("<=t*3600").upper_s == 7200.0);
  CHECK(interval("<=(t+1)").upper_s == 3.0);
  CHECK(interval(">=t").lower_s == 2.0);
  CHECK(interval(">=t").upper_s == kInfinity);
  CHECK(interval("[t,T]").lower_s == 2.0);
  CHECK(interval("[t,T]").upper_s == 7.0);
  CHECK(interval("=1/2").lower_s == 0.5);
  CHECK(interval("=1/2").upper_s == 0.5);
  // A bound before a parenthesis is no call.
  CHECK(question("P=? [ F<=T (x=3) ]").query.path.time.upper_s == 7.0);
}

TEST_CASE("Long run, rewards and passage times", "[solvers][csl]") {
  CHECK(question("S=? [ x=0 | x=3 ]").query.steady_states == states("1001"));
  const RewardFormula total = question("R{\"second\"}=? [ C ]").query.reward;
  CHECK(total.structure == 1);
  CHECK(total.reward_operator == RewardOperator::kCumulative);
  CHECK(total.time_s == kInfinity);
  CHECK(question("R=? [ C<=5 ]").query.reward.time_s == 5.0);
  CHECK(question("R=? [ C<=5 ]").query.reward.structure == 0);
  CHECK(question("R{2}=? [ S ]").query.reward.structure == 1);
  CHECK(question("R{2}=? [ S ]").query.reward.reward_operator == RewardOperator::kSteadyState);
  CHECK(question("R=? [ I=t ]").query.reward.reward_operator == RewardOperator::kInstantaneous);
  CHECK(question("R=? [ I=t ]").query.reward.time_s == 2.0);
  CHECK(question("R=? [ F x=3 ]").query.reward.target == states("0001"));
  const PassageFormula mean = question("T=? [ F x=3 ]").query.passage;
  CHECK(mean.measure == PassageMeasure::kMean);
  CHECK(mean.target == states("0001"));
  CHECK(question("T{\"mean\"}=? [ F x=3 ]").query.passage.measure == PassageMeasure::kMean);
  CHECK(question("T{\"variance\"}=? [ F x=3 ]").query.passage.measure == PassageMeasure::kVariance);
  CHECK(question("T{\"moment\",3}=? [ F x=3 ]").query.passage.order == 3);
  CHECK(question("T{\"quantile\",0.99}=? [ F x=3 ]").query.passage.level == 0.99);
}

TEST_CASE("Filters say where the question is asked", "[solvers][csl]") {
  const StateFilter initial = question("P=? [ F x=3 ]").filter;
  CHECK(initial.filter_operator == FilterOperator::kState);
  CHECK(initial.states == states("1000"));
  const StateFilter state = question("filter(state, P=? [ F x=3 ], x=2)").filter;
  CHECK(state.filter_operator == FilterOperator::kState);
  CHECK(state.states == states("0010"));
  CHECK(question("filter(state, P=? [ F x=3 ])").filter.states == states("1000"));
  CHECK(question("filter(avg, P=? [ F x=3 ], \"low\")").filter.filter_operator == FilterOperator::kAverage);
  CHECK(question("filter(+, P=? [ F x=3 ])").filter.states == states("1111"));
  CHECK(question("filter(first, P=? [ F x=3 ], x>1)").filter.filter_operator == FilterOperator::kFirst);
  const StateFilter older = question("P=? [ F x=3 {x>1}{max} ]").filter;
  CHECK(older.filter_operator == FilterOperator::kMaximum);
  CHECK(older.states == states("0011"));
  CHECK(question("P=? [ F x=3 {x=1} ]").filter.states == states("0100"));
}

TEST_CASE("A comparison asks on which side of a threshold the value is", "[solvers][csl]") {
  const Question asked = question("P>=0.5 [ F x=3 ]");
  REQUIRE(asked.threshold.has_value());
  CHECK(asked.threshold->holds(0.5));
  CHECK_FALSE(asked.threshold->holds(0.49));
  CHECK_FALSE(question("P<0.5 [ F x=3 ]").threshold->holds(0.5));
  CHECK(question("S<=0.5 [ x=3 ]").threshold->holds(0.5));
  CHECK_FALSE(question("R>1/2 [ S ]").threshold->holds(0.5));
}

TEST_CASE("Inner operators become sets and values of states", "[solvers][csl]") {
  CHECK(question("P=? [ F P>=0.5 [ X x=0 ] ]").query.path.right == states("0011"));
  CHECK(question("S=? [ S<=0.25 [ x=1 ] & x>0 ]").query.steady_states == states("0100"));
  CHECK(question("P=? [ F P=? [ X x=0 ] + 0.25 = x/3 ]").query.path.right == states("0001"));
  CHECK(value("1 - P=? [ F x=3 ]") == prism::Value::of(1.0));
  CHECK(value("filter(max, 2*P=? [ F x=3 ], \"low\")") == prism::Value::of(0.5));
  CHECK(value("filter(sum, P=? [ F x=3 ] + 1, true)") == prism::Value::of(5.5));
  CHECK(value("filter(min, P=? [ F x=3 ] + 1, x>1)") == prism::Value::of(1.5));
  CHECK(value("filter(avg, P=? [ F x=3 ] + 1)") == prism::Value::of(1.375));
  CHECK(value("filter(count, x>0)") == prism::Value::of(std::int64_t{3}));
  CHECK(value("filter(forall, \"low\" <=> x<=1)") == prism::Value::of(true));
  CHECK(value("filter(&, x>0)") == prism::Value::of(false));
  CHECK(value("filter(exists, x=3, \"low\")") == prism::Value::of(false));
  CHECK(value("filter(|, P>0.7 [ X x=0 ])") == prism::Value::of(true));
  CHECK(value("filter(count, x=3) = 1") == prism::Value::of(true));
  CHECK(value("x=0 & !b") == prism::Value::of(true));
}

TEST_CASE("A file of properties has names, comments, constants and labels", "[solvers][csl]") {
  const PropertyFile file = parse_properties(
      "// comment\nconst double K = 2*t;\nlabel \"top\" = x=3;\n\"mine\": P=? [ F<=K \"top\" ];\n\nS=? [ b ]\n", "p");
  REQUIRE(file.properties.size() == 2);
  CHECK(file.properties[0].name == "mine");
  CHECK(file.properties[0].text == "P=? [ F<=K \"top\" ]");
  CHECK(file.properties[1].name.empty());
  CHECK(file.properties[1].text == "S=? [ b ]");
  CHECK(file.properties[1].where.line == 6);
  const Question asked = question("const double K = 2*t; label \"top\" = x=3; P=? [ F<=K \"top\" ]");
  CHECK(asked.query.path.time.upper_s == 4.0);
  CHECK(asked.query.path.right == states("0001"));
  CHECK(value("\"likely\": P>=0.5 [ X x=0 ]; filter(forall, \"likely\" <=> x>1)") == prism::Value::of(true));
}

TEST_CASE("Mistakes in the text of a property", "[solvers][csl]") {
  CHECK(mistake("P=? [ F x=3") == "p.props:1:12: found the end of the text, expected ']'");
  CHECK(mistake("P=? F x=3 ]") == "p.props:1:5: found 'F', expected '['");
  CHECK(mistake("P [ F x=3 ]") == "p.props:1:3: found '[', expected '=?' or a comparison such as '>=0.5'");
  CHECK(mistake("P=? [ x=3 ]") ==
        "p.props:1:11: found ']', expected 'U', 'W' or 'R' (or a path that starts with X, F or G)");
  CHECK(mistake("P=? [ F G x=3 ]") == "p.props:1:9: found the keyword 'G', expected an expression");
  CHECK(mistake("Pmax=? [ F x=3 ]") ==
        "p.props:1:1: found 'Pmax', but a chain leaves no choices: expected P, S, R or T");
  CHECK(mistake("R=? [ x=3 ]") == "p.props:1:7: found 'x', expected S, C, C<=t, I=t or F");
  CHECK(mistake("R=? [ I<=3 ]") == "p.props:1:8: found '<=', expected '='");
  CHECK(mistake("T{\"median\"}=? [ F x=3 ]") ==
        "p.props:1:3: found \"median\", expected \"mean\", \"variance\", \"moment\" or \"quantile\"");
  CHECK(mistake("T{3}=? [ F x=3 ]") ==
        "p.props:1:3: found '3', expected \"mean\", \"variance\", \"moment\" or \"quantile\"");
  CHECK(mistake("T{\"moment\"}=? [ F x=3 ]") == "p.props:1:11: found '}', expected ','");
  CHECK(mistake("T=? [ x=3 ]") == "p.props:1:7: found 'x', expected 'F'");
  CHECK(mistake("filter(range, x=3)") ==
        "p.props:1:8: found 'range', expected state, first, min, max, avg, sum, count, forall or exists");
  CHECK(mistake("P=? [ F x=3 {x=1}{avg} ]") == "p.props:1:19: found 'avg', expected min or max");
}

TEST_CASE("Mistakes about the chain", "[solvers][csl]") {
  CHECK(mistake("P=? [ F \"high\" ]") == "p.props:1:9: unknown label \"high\"");
  CHECK(mistake("P=? [ F y=3 ]") == "p.props:1:9: unknown name 'y'");
  CHECK(mistake("P=? [ F x ]") == "p.props:1:9: found an integer, expected a boolean");
  CHECK(mistake("P=? [ F P=? [ X x=1 ] ]") == "p.props:1:9: found a double, expected a boolean");
  CHECK(mistake("P=? [ F<=-1 x=3 ]") == "p.props:1:10: time -1, expected >= 0");
  CHECK(mistake("P=? [ F[3,2] x=3 ]") == "p.props:1:9: the interval from 3 to 2 is empty");
  CHECK(mistake("P=? [ F<=x x=3 ]") ==
        "p.props:1:10: found an expression that depends on the state, expected a constant");
  CHECK(mistake("P=? [ F<=\"low\" x=3 ]") == "p.props:1:10: found a boolean, expected a number");
  CHECK(mistake("R=? [ I=1/0 ]") == "p.props:1:10: time inf, expected an instant");
  CHECK(mistake("R{\"third\"}=? [ S ]") == "p.props:1:1: unknown rewards \"third\"");
  CHECK(mistake("R{3}=? [ S ]") == "p.props:1:1: reward structure 3, expected 1 to 2");
  CHECK(mistake("T{\"moment\",0}=? [ F x=3 ]") == "p.props:1:12: moment 0, expected 1 to 170");
  CHECK(mistake("T{\"quantile\",1}=? [ F x=3 ]") == "p.props:1:14: quantile 1, expected between 0 and 1");
  CHECK(mistake("filter(state, S=? [ x=0 ], x>3)") == "p.props:1:1: no state satisfies the filter");
  CHECK(mistake("filter(state, S=? [ x=0 ], x>1)") ==
        "p.props:1:1: 2 states satisfy the filter, expected one (or min, max, avg, sum, first)");
  CHECK(mistake("const int t = 3; S=? [ x=0 ]") == "p.props:1:11: name 't' is already declared at m.prism:1:19");
  CHECK(mistake("label \"a\" = \"b\"; label \"b\" = \"a\"; S=? [ \"a\" ]") ==
        "p.props:1:30: \"a\" is defined by itself");
  CHECK(mistake("\"me\": \"me\" & true") == "p.props:1:7: \"me\" is defined by itself");
}

TEST_CASE("An inner operator too close to its threshold is not guessed", "[solvers][csl]") {
  prism::BuiltModel model = prism::build_model(kModel, "m.prism", prism::parse_constants("t=1"));
  const PropertyFile file = parse_properties("P=? [ F P>=0.5 [ X x=0 ] ]", "p.props");
  const auto unsure = [](const Query&) {
    return StateBounds{Vector{{0.0, 0.0, 0.4, 1.0}}, Vector{{0.0, 0.0, 0.6, 1.0}}};
  };
  CHECK_THROWS_WITH(bind_property(file, file.properties[0], model.chain, model.scope, unsure),
                    "state (x=2,b=false): the value lies between 0.4 and 0.6, too close to 0.5 to compare");
}

TEST_CASE("Several initial states need a filter", "[solvers][csl]") {
  prism::BuiltModel model =
      prism::build_model("ctmc module m x:[0..2]; endmodule init x<2 endinit", "m.prism", prism::GivenConstants{});
  const PropertyFile file = parse_properties("S=? [ x=0 ]; filter(min, S=? [ x=0 ], \"init\")", "p.props");
  CHECK_THROWS_WITH(bind_property(file, file.properties[0], model.chain, model.scope, quarters),
                    "p.props:1:1: the chain has 2 initial states, say which one counts: filter(min, ..., \"init\"), or "
                    "max, avg, sum, first");
  CHECK(std::get<Question>(bind_property(file, file.properties[1], model.chain, model.scope, quarters)).filter.states ==
        states("11"));
}

}  // namespace
}  // namespace windtunnel::solvers
