// SPDX-License-Identifier: Apache-2.0
// Every mistake in a model is answered with its place, what was found and what was expected.
#include <string>

#include "solvers/numerics/chain_error.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers::prism {
namespace {

std::string mistake(const std::string& text, const std::string& constants = "", Index max_states = 1000) {
  try {
    build_model(text, "m.prism", parse_constants(constants), {.max_states = max_states});
  } catch (const InputError& error) {
    return error.what();
  } catch (const ChainError& error) {
    return error.what();
  }
  return "no mistake";
}

/// The mistake in the body of an otherwise right module; the body begins at 1:26.
std::string in_module(const std::string& body) {
  return mistake("ctmc module m x:[0..3]; " + body + " endmodule");
}

/// The mistake in an expression of type double; it begins at 1:25.
std::string in_expression(const std::string& expression) {
  return mistake("ctmc const double value=" + expression + "; module m x:[0..1]; [] x=0 -> value : (x'=1); endmodule");
}

TEST_CASE("Characters and words that are none", "[solvers][prism]") {
  CHECK(mistake("ctmc\n  module @") == "m.prism:2:10: unexpected '@'");
  CHECK(mistake("ctmc \x01") == "m.prism:1:6: unexpected byte 0x01");
  CHECK(mistake("ctmc label \"up") == "m.prism:1:12: string without a closing quote");
  CHECK(mistake("ctmc label \"up\n\" = true;") == "m.prism:1:12: string without a closing quote");
  CHECK(in_expression("99999999999999999999") == "m.prism:1:25: integer 99999999999999999999 is too large");
  CHECK(in_expression("1e999") == "m.prism:1:25: number 1e999 is out of range");
}

TEST_CASE("Models that are no chains are refused", "[solvers][prism]") {
  const std::string type = GENERATE("dtmc", "mdp", "pta", "probabilistic", "nondeterministic", "pomdp", "smg");
  CHECK(mistake("\n" + type + "\n") == "m.prism:2:1: found a model of type '" + type + "', only 'ctmc' can be solved");
}

TEST_CASE("The frame of a model", "[solvers][prism]") {
  CHECK(mistake("") == "m.prism:1:1: found no model type, expected 'ctmc'");
  CHECK(mistake("ctmc ctmc") == "m.prism:1:10: found a second model type");
  CHECK(mistake("ctmc modul") ==
        "m.prism:1:6: found 'modul', expected 'const', 'formula', 'label', 'global', 'module', 'rewards' or 'init'");
  CHECK(mistake("ctmc system a||b endsystem") ==
        "m.prism:1:6: 'system' is not supported: all modules run in full synchronisation");
  CHECK(mistake("ctmc init true endinit init true endinit") == "m.prism:1:24: found a second 'init' block");
  CHECK(mistake("ctmc init true") == "m.prism:1:15: found the end of the text, expected 'endinit'");
  CHECK(mistake("ctmc const int F = 1;") == "m.prism:1:16: found the keyword 'F', expected the name of a constant");
  CHECK(mistake("ctmc const = 1;") == "m.prism:1:12: found '=', expected the name of a constant");
  CHECK(mistake("ctmc const N = 1") == "m.prism:1:17: found the end of the text, expected ';'");
  CHECK(mistake("ctmc formula = 1;") == "m.prism:1:14: found '=', expected the name of a formula");
  CHECK(mistake("ctmc label up = true;") == "m.prism:1:12: found 'up', expected the name of a label in quotes");
}

TEST_CASE("Variables", "[solvers][prism]") {
  CHECK(mistake("ctmc module m x:int; endmodule") ==
        "m.prism:1:17: found 'int', expected 'bool' or a range such as [0..9]");
  CHECK(mistake("ctmc module m x:clock; endmodule") ==
        "m.prism:1:17: found 'clock', expected 'bool' or a range such as [0..9]");
  CHECK(mistake("ctmc module m x:3; endmodule") ==
        "m.prism:1:17: found '3', expected 'bool' or a range such as [0..9]");
  CHECK(mistake("ctmc module m x:[3..2]; endmodule") == "m.prism:1:15: variable 'x' has the empty range 3..2");
  CHECK(mistake("ctmc module m x:[0..3000000000]; endmodule") == "m.prism:1:21: bound 3000000000 does not fit 32 bits");
  CHECK(mistake("ctmc module m x:[0..2] init 3; endmodule") ==
        "m.prism:1:29: variable 'x' starts at 3, expected 0 to 2");
  CHECK(mistake("ctmc module m x:[0..true]; endmodule") == "m.prism:1:21: found a boolean, expected an integer");
  CHECK(mistake("ctmc module m x:[0..y]; y:[0..1]; endmodule") ==
        "m.prism:1:21: found an expression that depends on the state, expected a constant");
  CHECK(mistake("ctmc const x=1; module m x:bool; endmodule") ==
        "m.prism:1:26: name 'x' is already declared at m.prism:1:12");
  CHECK(mistake("ctmc module m endmodule module m endmodule") == "m.prism:1:32: module 'm' is already declared");
}

TEST_CASE("Commands", "[solvers][prism]") {
  CHECK(in_module("[] x=0 - 1 : (x'=1);") == "m.prism:1:36: found ':', expected '->'");
  CHECK(in_module("[] x=0 -> 1 (x'=1);") == "m.prism:1:37: found '(', expected ':'");
  CHECK(in_module("[] x=0 -> 1 : x'=1;") == "m.prism:1:39: found 'x', expected 'true' or an update such as (x'=1)");
  CHECK(in_module("[] x=0 -> 1 : (x=1);") == "m.prism:1:41: found '=', expected '''");
  CHECK(in_module("[] x=0 -> 1 : (x'=1)") == "m.prism:1:46: found 'endmodule', expected ';'");
  CHECK(in_module("[F] x=0 -> 1 : (x'=1);") == "m.prism:1:26: found the keyword 'F', expected an action");
  CHECK(in_module("3") ==
        "m.prism:1:25: found '3', expected a variable, a command such as [a] x=0 -> 1 : (x'=1); or "
        "'endmodule'");
  CHECK(in_module("invariant true endinvariant") ==
        "m.prism:1:25: 'invariant' belongs to timed models, only 'ctmc' can be solved");
  CHECK(in_module("[] x -> 1 : true;") == "m.prism:1:28: found an integer, expected a boolean");
  CHECK(in_module("[] true -> true : true;") == "m.prism:1:36: found a boolean, expected a number");
  CHECK(in_module("[] true -> 1 : (x'=0.5);") == "m.prism:1:44: found a double, expected an integer");
  CHECK(in_module("[] true -> 1 : (y'=1);") == "m.prism:1:41: unknown variable 'y'");
  CHECK(in_module("[] true -> 1 : (x'=y);") == "m.prism:1:44: unknown name 'y'");
  CHECK(in_module("[] true -> 1 : (x'=1) & (x'=2);") == "m.prism:1:50: variable 'x' is updated twice");
  CHECK(mistake("ctmc module m x:bool; endmodule module n [] true -> 1:(x'=true); endmodule") ==
        "m.prism:1:56: variable 'x' belongs to another module and can only be read here");
  CHECK(mistake("ctmc global g:bool; module m [a] true -> 1:(g'=true); endmodule") ==
        "m.prism:1:45: global variable 'g' can only be updated by commands without an action");
}

TEST_CASE("Expressions", "[solvers][prism]") {
  CHECK(in_expression("1+") == "m.prism:1:27: found ';', expected an expression");
  CHECK(in_expression("(1") == "m.prism:1:27: found ';', expected ')'");
  CHECK(in_expression("true ? 1") == "m.prism:1:33: found ';', expected ':'");
  CHECK(in_expression("sin(1)") ==
        "m.prism:1:25: unknown function 'sin', expected min, max, floor, ceil, round, pow, mod or log");
  CHECK(in_expression("pow(1)") == "m.prism:1:25: found 1 arguments, expected 2");
  CHECK(in_expression("floor(1,2)") == "m.prism:1:25: found 2 arguments, expected 1");
  CHECK(in_expression("func(sin,1)") == "m.prism:1:30: found 'sin', expected a function");
  CHECK(in_expression("1+true") == "m.prism:1:27: found a boolean, expected a number");
  CHECK(in_expression("!1") == "m.prism:1:26: found an integer, expected a boolean");
  CHECK(in_expression("1=true?1:2") == "m.prism:1:27: found a boolean, expected an integer as on the left");
  CHECK(in_expression("1?1:2") == "m.prism:1:25: found an integer, expected a boolean");
  CHECK(in_expression("mod(1,0)") == "m.prism:1:25: mod by 0, expected a divisor > 0");
  CHECK(in_expression("mod(1.5,2)") == "m.prism:1:29: found a double, expected an integer");
  CHECK(in_expression("pow(2,-1)") == "m.prism:1:25: integer power with exponent -1, expected >= 0");
  CHECK(in_expression("pow(10,19)") == "m.prism:1:25: integer overflow");
  CHECK(in_expression("floor(1e300)") == "m.prism:1:25: 1e+300 is no integer of 64 bits");
  CHECK(in_expression(std::string(401, '(')) == "m.prism:1:425: expression nested deeper than 400 levels");
  CHECK(in_expression(std::string(401, '-') + "1") == "m.prism:1:424: expression nested deeper than 400 levels");
  std::string sum = "1";
  for (int k = 0; k < 5000; ++k) sum += "+1";
  CHECK(in_expression(sum) == "m.prism:1:8024: expression nested deeper than 4000 levels");
}

TEST_CASE("Constants and formulas", "[solvers][prism]") {
  const std::string model = "ctmc const int N; module m x:[0..N]; endmodule";
  CHECK(mistake(model) == "m.prism:1:34: constant 'N' has no value, give it one with --const N=...");
  CHECK(mistake(model, "N=1.5") == "--const: constant 'N' is 1.5, expected an integer");
  CHECK(mistake(model, "N=") == "--const:1:3: found the end of the text, expected an expression");
  CHECK(mistake(model, "N=1 K=2") == "--const:1:5: found 'K', expected ',' and the next constant");
  CHECK(mistake(model, "5") == "--const:1:1: found '5', expected NAME=VALUE");
  CHECK(mistake(model, "N=1,N=2") == "--const:1:5: constant 'N' is given twice");
  CHECK(mistake(model, "N=x") == "--const:1:3: unknown name 'x'");
  CHECK(mistake("ctmc const a=b; const b=a; module m x:[0..a]; endmodule") == "m.prism:1:25: 'a' is defined by itself");
  CHECK(mistake("ctmc formula a=b; formula b=a;") == "m.prism:1:16: 'b' is defined by itself");
  CHECK(mistake("ctmc formula f=f+1; module m x:[0..1]; [] x=f -> 1:true; endmodule module n=m[x=y] endmodule") ==
        "m.prism:1:16: 'f' is defined by itself");
}

TEST_CASE("Renamed modules", "[solvers][prism]") {
  const std::string base = "ctmc module m x:[0..1]; endmodule ";
  CHECK(mistake(base + "module n = k [x=y] endmodule") ==
        "m.prism:1:46: unknown module 'k', expected one declared above");
  CHECK(mistake(base + "module n = m [z=y] endmodule") == "m.prism:1:42: variable 'x' of the module needs a new name");
  CHECK(mistake(base + "module n = m [x=y,x=z] endmodule") == "m.prism:1:53: 'x' is renamed twice");
  CHECK(mistake(base + "module n = m [x=x] endmodule") == "m.prism:1:42: name 'x' is already declared at m.prism:1:15");
  CHECK(mistake(base + "module n = m [3=x] endmodule") == "m.prism:1:49: found '3', expected a name to replace");
}

TEST_CASE("Labels and rewards", "[solvers][prism]") {
  const std::string base = "ctmc module m x:[0..1]; [a] x=0 -> 1:(x'=1); endmodule ";
  CHECK(mistake(base + "label \"a\"=true; label \"a\"=true;") == "m.prism:1:78: label \"a\" is already declared");
  CHECK(mistake(base + "label \"init\"=true;") == "m.prism:1:62: label \"init\" is already declared");
  CHECK(mistake(base + "label \"a\"=x;") == "m.prism:1:66: found an integer, expected a boolean");
  CHECK(mistake(base + "rewards \"r\" true:1; endrewards rewards \"r\" true:1; endrewards") ==
        "m.prism:1:87: rewards \"r\" are already declared");
  CHECK(mistake(base + "rewards [b] true:1; endrewards") == "m.prism:1:64: unknown action 'b'");
  CHECK(mistake(base + "rewards true:1/x; endrewards") == "m.prism:1:64: reward inf is not finite in state (x=0)");
}

TEST_CASE("What only shows while states are explored names the state", "[solvers][prism]") {
  CHECK(in_module("[] x<4 -> 1 : (x'=x+1);") == "m.prism:1:40: update x'=4 leaves the range 0..3 in state (x=3)");
  CHECK(in_module("[] x<3 -> 1-2*x : (x'=x+1);") == "m.prism:1:35: rate -1 is not finite and >= 0 in state (x=1)");
  CHECK(in_module("[] x<3 -> 1/(1-x) : (x'=x+1);") == "m.prism:1:35: rate inf is not finite and >= 0 in state (x=1)");
  CHECK(in_module("[] x<3 -> 1 : (x'=mod(5,x));") == "m.prism:1:43: mod by 0, expected a divisor > 0 in state (x=0)");
  CHECK(mistake(
            "ctmc module m x:[0..1]; [a] x=0 -> 1e200:(x'=1); endmodule module n [a] true -> 1e200:true; endmodule") ==
        "m.prism:1:81: the product of the rates is inf in state (x=0)");
  CHECK(mistake("ctmc module m x:[0..3]; b:bool; [] x<3 -> 1:(x'=x+1)&(b'=true); endmodule", "", 2) ==
        "the model has more than 2 states");
}

TEST_CASE("Initial states", "[solvers][prism]") {
  const std::string base = "ctmc module m x:[0..3]; endmodule ";
  CHECK(mistake(base + "init x>3 endinit") == "m.prism:1:41: no state satisfies 'init'");
  CHECK(mistake(base + "init x endinit") == "m.prism:1:40: found an integer, expected a boolean");
}

}  // namespace
}  // namespace windtunnel::solvers::prism
