// SPDX-License-Identifier: Apache-2.0
// Models become the chains that their text means.
#include <map>
#include <string>
#include <utility>

#include "solvers/explicit/explicit_output.h"
#include "solvers/prism/model_file.h"
#include "test/catch.h"

namespace windtunnel::solvers::prism {
namespace {

LabelledChain chain_of(const std::string& text, const std::string& constants = "") {
  return build_model(text, "m.prism", parse_constants(constants)).chain;
}

/// A chain with one transition 0 -> 1, whose rate is the expression.
double value_of(const std::string& expression, const std::string& constants = "") {
  const std::string text = "ctmc const int three=3; module m x:[0..1]; y:[-5..5] init -2; b:bool init true; [] x=0 -> ";
  return chain_of(text + expression + " : (x'=1); endmodule", constants).generator.exit_rate(0);
}

TEST_CASE("Operators and functions", "[solvers][prism]") {
  // Source of the meanings: PRISM manual, Expressions. Division is real, powers of integers are integers.
  CHECK(value_of("1/4") == 0.25);
  CHECK(value_of("2+3*4") == 14.0);
  CHECK(value_of("(2+3)*4-1-1") == 18.0);
  CHECK(value_of("-y") == 2.0);
  CHECK(value_of("max(1,y,three)+min(2.5,three)") == 5.5);
  CHECK(value_of("floor(2.7)+ceil(2.2)+round(2.5)") == 8.0);
  CHECK(value_of("pow(2,10)+pow(0.5,2)") == 1024.25);
  CHECK(value_of("mod(7,4)+mod(y,5)") == 6.0);
  CHECK(value_of("log(8,2)") == Approx(3.0).epsilon(1e-15));
  CHECK(value_of("func(max,1,2)") == 2.0);
  CHECK(value_of("b ? 2 : 3") == 2.0);
  CHECK(value_of("y=-2 & !x=1 => false | b ? 1 : 9") == 1.0);
  CHECK(value_of("(b <=> y<0) & y<=-2 & y>=-2 & y>-3 & y!=0 ? 4 : 5") == 4.0);
  CHECK(value_of("x>0 ? 1/x : 7") == 7.0);
  CHECK(value_of("x>0 & mod(1,x)=0 ? 1 : 6") == 6.0);
  CHECK(value_of("0.1e1+.5") == 1.5);
  CHECK(value_of("given*half", "given=6,half=1/2") == 3.0);
}

TEST_CASE("A given constant comes before the one of the model", "[solvers][prism]") {
  CHECK(value_of("three") == 3.0);
  CHECK(value_of("three", "three=4") == 4.0);
}

TEST_CASE("An M/M/1/3 queue", "[solvers][prism]") {
  const LabelledChain chain = chain_of(
      "stochastic\n"
      "const double arrival = 1.5; // per second\n"
      "formula waiting = max(x-1, 0);\n"
      "module queue x : [0..N] init 1;\n"
      "  [arrive] x<N -> arrival : (x'=x+1);\n"
      "  [serve] x>0 -> 3 : (x'=x-1);\n"
      "endmodule\n"
      "const int N;\n"
      "label \"full\" = x=N;\n"
      "rewards \"served\" [serve] true : 2; endrewards\n"
      "rewards \"queue\" true : waiting; x=3 : 10; endrewards\n",
      "N=3");
  CHECK(chain.initial == 0);
  // Breadth first from x=1: 1, 2, 0, 3 or in whichever order its commands stand.
  CHECK(tra_text(chain) == "4 6\n0 1 1.5\n0 2 3\n1 0 3\n1 3 1.5\n2 0 1.5\n3 1 3\n");
  CHECK(sta_text(chain) == "(x)\n0:(1)\n1:(2)\n2:(0)\n3:(3)\n");
  CHECK(lab_text(chain) == "0=\"init\" 1=\"deadlock\" 2=\"full\"\n0: 0\n3: 2\n");
  CHECK(chain.rewards[0].transition_reward_per_s == Vector{{6.0, 6.0, 0.0, 6.0}});
  CHECK(chain.rewards[1].state_reward_per_s == Vector{{0.0, 1.0, 0.0, 12.0}});
  const std::string served = "# Reward structure \"served\"\n# Transition rewards\n4 3\n0 2 2\n1 0 2\n3 1 2\n";
  CHECK(trew_text(chain) == served + "# Reward structure \"queue\"\n# Transition rewards\n4 0\n");
}

TEST_CASE("Synchronised commands multiply their rates and combine their updates", "[solvers][prism]") {
  const LabelledChain chain = chain_of(
      "ctmc\n"
      "module one x:[0..2]; [a] x=0 -> 2:(x'=1) + 3:(x'=2); [a] x=0 -> 0:(x'=0); endmodule\n"
      "module two y:[0..2]; [a] y=0 -> 5:(y'=1) + 7:(y'=2); endmodule\n"
      "module three [a] true -> 0.5 : true; endmodule\n");
  // Two times two combinations; the alternative of rate 0 is none.
  CHECK(chain.states() == 5);
  std::map<std::string, double> rates;
  for (const auto [to, rate] : chain.generator.outgoing().row(0)) rates[state_name(chain, to)] = rate;
  CHECK(rates ==
        std::map<std::string, double>{{"(x=1,y=1)", 5.0}, {"(x=1,y=2)", 7.0}, {"(x=2,y=1)", 7.5}, {"(x=2,y=2)", 10.5}});
}

TEST_CASE("A module without an enabled command blocks the action", "[solvers][prism]") {
  const LabelledChain chain =
      chain_of("ctmc module one x:[0..1]; [a] x=0 -> 1:(x'=1); endmodule module two [a] false -> 1:true; endmodule");
  CHECK(chain.states() == 1);
  CHECK(find_label(chain, "deadlock")->states == StateSet{true});
}

TEST_CASE("Updates read the values before the transition", "[solvers][prism]") {
  const LabelledChain chain =
      chain_of("ctmc global g:[0..5] init 4; module m x:[0..5] init 1; [] x<4 -> 1:(x'=g)&(g'=x); endmodule");
  CHECK(sta_text(chain) == "(g,x)\n0:(4,1)\n1:(1,4)\n");
}

TEST_CASE("Self-loops count as transitions and earn their rewards", "[solvers][prism]") {
  const LabelledChain chain = chain_of(
      "ctmc module m x:[0..1]; [a] true -> 2 : true; [b] x=0 -> 1 : (x'=1); endmodule\n"
      "rewards [a] true : 3; endrewards rewards \"both\" [a] x=0 : 1; [b] true : 5; endrewards");
  CHECK(chain.transitions() == 3);
  CHECK(chain.generator.transitions() == 1);
  CHECK(chain.self_loop_rate_per_s == Vector{{2.0, 2.0}});
  CHECK(chain.rewards[0].name.empty());
  CHECK(chain.rewards[0].transition_reward_per_s == Vector{{6.0, 6.0}});
  CHECK(chain.rewards[1].transition_reward_per_s == Vector{{7.0, 0.0}});
  CHECK(find_label(chain, "deadlock")->states == StateSet{false, false});
}

TEST_CASE("Transitions of several commands to one state are one; its reward is their average by rate",
          "[solvers][prism]") {
  const LabelledChain chain = chain_of(
      "ctmc module m x:[0..1]; [a] x=0 -> 1:(x'=1); [b] x=0 -> 3:(x'=1); endmodule rewards [a] true:8; endrewards");
  CHECK(chain.generator.outgoing().row(0)[0].rate_per_s == 4.0);
  REQUIRE(chain.rewards[0].transition_rewards.size() == 1);
  CHECK(chain.rewards[0].transition_rewards[0].position == 0);
  CHECK(chain.rewards[0].transition_rewards[0].reward == 2.0);
}

TEST_CASE("Formulas are written out before a module is renamed", "[solvers][prism]") {
  const LabelledChain chain = chain_of(
      "ctmc formula free = y=0;\n"
      "module one x:[0..1]; [] free & x=0 -> 1:(x'=1); endmodule\n"
      "module two = one [x=y, y=x] endmodule\n");
  // Each waits for the other to be 0: the state x=1, y=1 is never reached.
  CHECK(sta_text(chain) == "(x,y)\n0:(0,0)\n1:(1,0)\n2:(0,1)\n");
}

TEST_CASE("All states that satisfy init are initial", "[solvers][prism]") {
  const LabelledChain chain =
      chain_of("ctmc module m x:[0..2]; b:bool; [] x=2 -> 1:(x'=0); endmodule init x>0 & (b | x=2) endinit");
  CHECK(sta_text(chain) == "(x,b)\n0:(1,true)\n1:(2,false)\n2:(2,true)\n3:(0,false)\n4:(0,true)\n");
  CHECK(find_label(chain, "init")->states == StateSet{true, true, true, false, false});
}

TEST_CASE("States of many words", "[solvers][prism]") {
  // k independent components, one failed at a time in turn: k + 1 states in a row of flags that need k bits, more for
  // each counter.
  const int count = GENERATE(1, 3, 8, 17, 40);
  std::string text = "ctmc module m\n";
  for (int k = 0; k < count; ++k) text += "v" + std::to_string(k) + " : [-1000000000..1000000000] init -7;\n";
  for (int k = 0; k < count; ++k) {
    const std::string v = "v" + std::to_string(k);
    const std::string before = k == 0 ? "true" : "v" + std::to_string(k - 1) + "=999999999";
    text += "[] " + before + " & " + v + "=-7 -> 1 : (" + v + "'=999999999);\n";
  }
  const LabelledChain chain = chain_of(text + "endmodule");
  CHECK(chain.states() == count + 1);
  CHECK(chain.transitions() == count);
  const std::string last = state_name(chain, chain.states() - 1);
  CHECK(last.find("-7") == std::string::npos);
  CHECK(last.find("v0=999999999") == 1);
}

TEST_CASE("More than 64 commands, guards over one and over several variables", "[solvers][prism]") {
  std::string text = "ctmc module m x:[0..200]; y:[0..200];\n";
  for (int k = 0; k < 200; ++k) {
    const std::string here = std::to_string(k);
    text += "[] x=" + here + " & y<=x & y>=x -> 1:(x'=" + std::to_string(k + 1) + ")&(y'=y+1);\n";
  }
  const LabelledChain chain = chain_of(text + "endmodule");
  CHECK(chain.states() == 201);
  CHECK(chain.transitions() == 200);
}

}  // namespace
}  // namespace windtunnel::solvers::prism
