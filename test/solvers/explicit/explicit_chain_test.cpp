// SPDX-License-Identifier: Apache-2.0
// Explicit files: what they mean, that what is written is read back, and what is wrong with those that cannot be read.
#include "solvers/explicit/explicit_chain.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>

#include "solvers/explicit/explicit_output.h"
#include "solvers/numerics/chain_error.h"
#include "solvers/numerics/input_error.h"
#include "test/catch.h"

namespace windtunnel::solvers {
namespace {

ExplicitTransitions tra(const std::string& text) {
  std::istringstream input(text);
  return read_tra(input, "a.tra");
}

ExplicitTransitions mtx(const std::string& text) {
  std::istringstream input("%%MatrixMarket matrix coordinate real general\n" + text);
  return read_matrix_market(input, "a.mtx");
}

std::vector<Label> lab(const std::string& text, Index states = 3) {
  std::istringstream input(text);
  return read_labels(input, "a.lab", states);
}

StateValues sta(const std::string& text, Index states = 2) {
  std::istringstream input(text);
  return read_states(input, "a.sta", states);
}

std::vector<RewardStructure> srew(const std::string& text, Index states = 3) {
  std::istringstream input(text);
  return read_state_rewards(input, "a.srew", states);
}

void add_trew(const std::string& text, LabelledChain& chain) {
  std::istringstream input(text);
  read_transition_rewards(input, "a.trew", chain);
}

template <typename Read>
std::string mistake(const Read& read, const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    return error.what();
  } catch (const ChainError& error) {
    return error.what();
  }
  return "no mistake";
}

const auto kTra = [](const std::string& text) { tra(text); };
const auto kMtx = [](const std::string& text) { mtx(text); };
const auto kLab = [](const std::string& text) { lab(text); };
const auto kSta = [](const std::string& text) { sta(text); };
const auto kSrew = [](const std::string& text) { srew(text); };
const auto kTrew = [](const std::string& text) {
  LabelledChain chain = labelled(tra("3 3\n0 1 2\n1 1 4\n1 2 3\n"), {});
  add_trew(text, chain);
};

std::string written(const ExplicitTransitions& transitions) {
  return tra_text(labelled(transitions, {}));
}

TEST_CASE("Transitions as PRISM writes them", "[solvers][explicit]") {
  const std::string plain = "3 3\n0 1 2.5\n1 0 1e-3\n1 2 7\n";
  CHECK(written(tra(plain)) == "3 3\n0 1 2.5\n1 0 0.001\n1 2 7\n");
  CHECK(written(tra("# Transitions (CTMC)\n# two lines\n3 3\n0 1 2.5 serve\n1 0 .001 arrive\n1 2 7\n")) ==
        written(tra(plain)));
  CHECK(written(tra("3 3\r\n0 1 2.5\r\n1 0 1e-3\r\n1 2 7.000")) == written(tra(plain)));
  CHECK(written(tra("3 3\n\n0 2.5:1\n1 0.001:0 7:2\n")) == written(tra(plain)));
  // In another order, and one of them in two parts.
  CHECK(written(tra("3 4\n1 2 3\n0 1 2.5\n1 0 1e-3\n1 2 4\n")) == written(tra(plain)));
}

TEST_CASE("A rate of 0 is no transition, a self-loop is kept apart", "[solvers][explicit]") {
  const ExplicitTransitions chain = tra("2 4\n0 0 3\n0 0 1\n0 1 0\n1 0 2\n");
  CHECK(chain.generator.transitions() == 1);
  CHECK(chain.self_loop_rate_per_s == Vector{{4.0, 0.0}});
  CHECK(written(chain) == "2 2\n0 0 4\n1 0 2\n");
}

TEST_CASE("Digits are read as the nearest double", "[solvers][explicit]") {
  const std::string rate = GENERATE("0.1", "123456789012345", "0.016666666666666666", "3.141592653589793238462643",
                                    "1e22", "4.35", "0.000001", "1E+2", "5e-324", "999999999999999.9");
  CHECK(tra("2 1\n0 1 " + rate + "\n").generator.exit_rate(0) == std::strtod(rate.c_str(), nullptr));
}

TEST_CASE("Files larger than the read buffer", "[solvers][explicit]") {
  const Index states = 60'000;
  std::string text = fmt::format("{} {}\n", states, states);
  for (Index i = 0; i < states; ++i)
    text += fmt::format("{} {} {}\n", i, (i + 1) % states, 1.0 / static_cast<double>(i + 3));
  const Generator ring = tra(text).generator;
  REQUIRE(text.size() > 1'000'000);
  REQUIRE(ring.transitions() == states);
  bool same = true;
  for (Index i = 0; i < states; ++i) same = same && ring.exit_rate(i) == 1.0 / static_cast<double>(i + 3);
  CHECK(same);
  CHECK(mistake(kTra, text + "0 x 1\n") == "a.tra:60002:3: found 'x', expected a rate");
}

TEST_CASE("Mistakes in transitions", "[solvers][explicit]") {
  CHECK(mistake(kTra, "") == "a.tra:1:1: found the end of the file, expected the numbers of states and of entries");
  CHECK(mistake(kTra, "0 0") == "a.tra:1:1: found '0', expected the number of states from 1 to 2147483647");
  CHECK(mistake(kTra, "2") == "a.tra:1:2: expected the number of entries");
  CHECK(mistake(kTra, "2 1 1") == "a.tra:1:5: found '1', expected the end of the line");
  CHECK(mistake(kTra, "2 1\n2 0 1") == "a.tra:2:1: found '2', expected a state from 0 to 1");
  CHECK(mistake(kTra, "2 1\n-1 0 1") == "a.tra:2:1: found '-1', expected a state from 0 to 1");
  CHECK(mistake(kTra, "2 1\n0 2 1") == "a.tra:2:3: found '2', expected a state from 0 to 1");
  CHECK(mistake(kTra, "2 1\n0 1.5 1") == "a.tra:2:3: found '1.5', expected a state from 0 to 1");
  CHECK(mistake(kTra, "2 1\n0 1") == "a.tra:2:4: expected a rate");
  CHECK(mistake(kTra, "2 1\n0 1 x") == "a.tra:2:5: found 'x', expected a rate");
  CHECK(mistake(kTra, "2 1\n0 1 inf") == "a.tra:2:5: found 'inf', expected a rate");
  CHECK(mistake(kTra, "2 1\n0 1 nan") == "a.tra:2:5: found 'nan', expected a rate");
  CHECK(mistake(kTra, "2 1\n0 1 -1") == "a.tra:2:5: rate -1, expected >= 0");
  CHECK(mistake(kTra, "2 1\n0 1 1 act more") == "a.tra:2:11: found 'more', expected the end of the line");
  CHECK(mistake(kTra, "2 2\n0 1 1\n") == "a.tra:1:1: the header says 2 entries, the file has 1");
  CHECK(mistake(kTra, "2 1\n0 1:1 2\n") == "a.tra:2:8: found '', expected ':' and a state");
  CHECK(mistake(kTra, "2 1\n0 1:7\n") == "a.tra:2:5: found '7', expected a state from 0 to 1");
  CHECK(mistake(kTra, "3 2\n0 1 1e308\n0 2 1e308\n") == "a.tra: state 0: the sum of its rates overflows");
  CHECK(mistake(kTra, "3 2\n0 0 1e308\n0 0 1e308\n") == "a.tra: the sum of the self-loops of a state overflows");
}

TEST_CASE("MatrixMarket, with and without its diagonal, by rows and by columns", "[solvers][explicit]") {
  const std::string text = "3 3\n0 1 2\n1 0 1\n1 2 7\n";
  CHECK(written(mtx("% comment\n3 3 3\n1 2 2\n2 1 1\n2 3 7\n")) == text);
  CHECK(written(mtx("3 3 5\n1 1 -2\n2 1 1\n1 2 2\n2 2 -8\n2 3 7\n")) == text);
  std::istringstream integers("%%MatrixMarket matrix coordinate integer general\n3 3 3\n1 2 2\n2 1 1\n2 3 7\n");
  CHECK(written(read_matrix_market(integers, "a.mtx")) == text);
}

TEST_CASE("Any order of the entries says the same chain", "[solvers][explicit]") {
  constexpr Index kStates = 7;
  std::vector<Transition> entries;
  for (Index i = 0; i < kStates; ++i) {
    for (Index j = 0; j < kStates; ++j) {
      if (i != j && (3 * i + j) % 4 != 0) entries.push_back({i, j, static_cast<double>(1 + 10 * i + j)});
    }
  }
  const Generator expected(kStates, entries);
  const auto read = [&] {
    std::string text = fmt::format("{0} {0} {1}\n", kStates, entries.size());
    for (const Transition& t : entries) text += fmt::format("{} {} {}\n", t.from + 1, t.to + 1, t.rate_per_s);
    return mtx(text).generator;
  };
  const auto by_column = [](const Transition& a, const Transition& b) {
    return a.to != b.to ? a.to < b.to : a.from < b.from;
  };
  const int order = GENERATE(0, 1, 2, 3, 4, 5);
  CAPTURE(order);
  if (order == 1) std::sort(entries.begin(), entries.end(), by_column);
  if (order == 2) std::reverse(entries.begin(), entries.end());
  // One entry out of the order of columns: in the middle, at the end, or in its column.
  if (order == 3) std::sort(entries.begin(), entries.end(), by_column), std::swap(entries[12], entries[25]);
  if (order == 4) std::sort(entries.begin(), entries.end(), by_column), std::swap(entries[0], entries.back());
  if (order == 5) std::sort(entries.begin(), entries.end(), by_column), std::swap(entries[12], entries[13]);
  const Generator found = read();
  CHECK(found.outgoing().begin == expected.outgoing().begin);
  CHECK(found.outgoing().state == expected.outgoing().state);
  CHECK(found.outgoing().rate_per_s == expected.outgoing().rate_per_s);
}

TEST_CASE("Repeated entries of a file by columns add up, and sums of rows overflow alone", "[solvers][explicit]") {
  const Generator sums = mtx("3 3 5\n2 1 1\n3 1 2\n1 2 3\n1 2 4\n2 3 5").generator;
  CHECK(sums.transitions() == 4);
  CHECK((*sums.outgoing().row(0).begin()).rate_per_s == 7.0);
  CHECK(mtx("3 3 3\n2 1 1e308\n3 1 1e308\n1 2 1").generator.exit_rate(1) == 1e308);
  CHECK(mistake(kMtx, "3 3 4\n2 1 1e308\n1 2 1e308\n3 2 1\n1 3 1e308") ==
        "a.mtx: state 0: the sum of its rates overflows");
}

TEST_CASE("Mistakes in MatrixMarket", "[solvers][explicit]") {
  std::istringstream other("%%MatrixMarket matrix array real general\n3 3\n");
  CHECK_THROWS_WITH(read_matrix_market(other, "a.mtx"),
                    "a.mtx:1:1: expected '%%MatrixMarket matrix coordinate real general'");
  CHECK(mistake(kMtx, "") == "a.mtx:2:1: found the end of the file, expected rows, columns and entries");
  CHECK(mistake(kMtx, "2 3 0") == "a.mtx:2:1: the matrix is 2 x 3, expected a square one");
  CHECK(mistake(kMtx, "2 2 1\n0 1 1\n") == "a.mtx:3:1: found '0', expected a row from 1 to 2");
  CHECK(mistake(kMtx, "2 2 1\n1 3 1\n") == "a.mtx:3:3: found '3', expected a column from 1 to 2");
  CHECK(mistake(kMtx, "2 2 1\n1 2 -1\n") == "a.mtx:3:5: rate -1, expected >= 0");
  CHECK(mistake(kMtx, "2 2 1\n1 2 1 1\n") == "a.mtx:3:7: found '1', expected the end of the line");
  CHECK(mistake(kMtx, "2 2 2\n1 2 1\n") == "a.mtx:2:1: the header says 2 entries, the file has 1");
  CHECK(mistake(kMtx, "2 2 2\n1 1 -3\n1 2 2\n") == "a.mtx: row 1: the diagonal is -3, the other entries sum to 2");
}

TEST_CASE("Labels", "[solvers][explicit]") {
  const std::vector<Label> labels = lab("# comment\n0=\"init\" 1=\"deadlock\" 2=\"two words\"\n1: 0 2\n2: 1\n");
  REQUIRE(labels.size() == 3);
  CHECK(labels[2].name == "two words");
  CHECK(labels[0].states == StateSet{false, true, false});
  CHECK(labels[2].states == StateSet{false, true, false});
  CHECK(labelled(tra("3 1\n0 1 1\n"), labels).initial == 1);
  CHECK(mistake(kLab, "") == "a.lab:1:1: found the end of the file, expected labels such as 0=\"init\"");
  CHECK(mistake(kLab, "1=\"a\"") == "a.lab:1:2: found label number 1, expected 0");
  CHECK(mistake(kLab, "0:\"a\"") == "a.lab:1:2: found ':\"a\"', expected '='");
  CHECK(mistake(kLab, "0=a") == "a.lab:1:3: found 'a', expected a name in quotes");
  CHECK(mistake(kLab, "0=\"a\n") == "a.lab:1:5: found the end of the line, expected a closing quote");
  CHECK(mistake(kLab, "0=\"a\"\n3: 0") == "a.lab:2:1: found '3:', expected a state from 0 to 2");
  CHECK(mistake(kLab, "0=\"a\"\n1 0") == "a.lab:2:3: found '0', expected ':'");
  CHECK(mistake(kLab, "0=\"a\"\n1: 1") == "a.lab:2:4: found '1', expected a label from 0 to 0");
  CHECK_THROWS_WITH(labelled(tra("3 1\n0 1 1\n"), lab("0=\"init\"\n")), "no state has the label \"init\"");
}

TEST_CASE("Values of variables", "[solvers][explicit]") {
  const StateValues values = sta("(x,up)\n0:(-3,true)\n1:(4,false)\n");
  CHECK(state_name(values, 0) == "(x=-3,up=true)");
  CHECK(state_name(values, 1) == "(x=4,up=false)");
  CHECK(mistake(kSta, "") == "a.sta:1:1: found the end of the file, expected the names of the variables");
  CHECK(mistake(kSta, "x\n") == "a.sta:1:1: found 'x', expected '(' and the names of the variables");
  CHECK(mistake(kSta, "(x,)\n") == "a.sta:1:4: expected the name of a variable");
  CHECK(mistake(kSta, "(x\n") == "a.sta:1:3: found the end of the line, expected ')'");
  CHECK(mistake(kSta, "(x)\n1:(0)\n") == "a.sta:2:1: found '1:(0)', expected the next state from 0 to 0");
  CHECK(mistake(kSta, "(x)\n0:(y)\n") == "a.sta:2:4: found 'y)', expected a value from -2147483647 to 2147483647");
  CHECK(mistake(kSta, "(x,y)\n0:(1)\n") == "a.sta:2:5: found ')', expected ','");
  CHECK(mistake(kSta, "(x)\n0:(1,2)\n") == "a.sta:2:5: found ',2)', expected ')'");
  CHECK(mistake(kSta, "(x)\n0:(1)\n") == "a.sta:3:1: found 1 states, the chain has 2");
  CHECK(mistake(kSta, "(x)\n0:(1)\n1:(1)\n2:(1)\n") == "a.sta:4:1: found another state, the chain has 2");
}

TEST_CASE("State rewards of several structures", "[solvers][explicit]") {
  const std::vector<RewardStructure> structures =
      srew("# Reward structure \"a\"\n# State rewards\n3 2\n0 1.5\n2 -4\n# Reward structure \"b\"\n3 1\n1 2\n");
  REQUIRE(structures.size() == 2);
  CHECK(structures[0].name == "a");
  CHECK(structures[0].state_reward_per_s == Vector{{1.5, 0.0, -4.0}});
  CHECK(structures[1].name == "b");
  CHECK(structures[1].state_reward_per_s == Vector{{0.0, 2.0, 0.0}});
  CHECK(mistake(kSrew, "") == "a.srew:1:1: found the end of the file, expected the numbers of states and of rewards");
  CHECK(mistake(kSrew, "4 0\n") == "a.srew:1:1: found 4 states, the chain has 3");
  CHECK(mistake(kSrew, "3 2\n0 1\n") == "a.srew:1:1: the header says 2 entries, the file has 1");
  CHECK(mistake(kSrew, "3 1\n0 1 2\n") == "a.srew:2:5: found '2', expected the end of the line");
  CHECK(mistake(kSrew, "3 2\n0 1e308\n0 1e308\n") == "a.srew:3:8: the rewards of the state overflow");
}

TEST_CASE("Transition rewards go to the structure of their name", "[solvers][explicit]") {
  LabelledChain chain = labelled(tra("3 3\n0 1 2\n1 1 4\n1 2 3\n"), {});
  chain.rewards = srew("# Reward structure \"a\"\n3 1\n0 1\n");
  add_trew("# Reward structure \"b\"\n3 2\n1 1 10\n0 1 5\n# Reward structure \"a\"\n3 2\n1 2 7\n1 2 1\n", chain);
  REQUIRE(chain.rewards.size() == 2);
  CHECK(chain.rewards[0].transition_reward_per_s == Vector{{0.0, 24.0, 0.0}});
  CHECK(chain.rewards[1].name == "b");
  CHECK(chain.rewards[1].transition_reward_per_s == Vector{{10.0, 40.0, 0.0}});
  CHECK(trew_text(chain) ==
        "# Reward structure \"a\"\n# Transition rewards\n3 1\n1 2 8\n# Reward structure \"b\"\n# Transition rewards\n"
        "3 1\n0 1 5\n");
  CHECK(mistake(kTrew, "3 1\n0 2 1\n") == "a.trew:2:1: the chain has no transition from 0 to 2");
  CHECK(mistake(kTrew, "3 1\n2 2 1\n") == "a.trew:2:1: the chain has no transition from 2 to 2");
  CHECK(mistake(kTrew, "3 1\n0 1 1e308\n") == "a.trew:2:1: the rewards of the state overflow");
}

TEST_CASE("What is written is read back", "[solvers][explicit]") {
  LabelledChain chain = labelled(tra("3 4\n0 1 0.1\n1 1 4\n1 2 1e-300\n2 0 3\n"), lab("0=\"init\" 1=\"a\"\n2: 0 1\n"));
  chain.rewards = srew("# \"r\"\n3 2\n0 0.3\n1 -1e10\n");
  add_trew("# \"r\"\n3 1\n1 2 7\n", chain);
  chain.values = sta("(x,b)\n0:(5,true)\n1:(-5,true)\n2:(0,false)\n", 3);
  LabelledChain copy = labelled(tra(tra_text(chain)), lab(lab_text(chain)));
  copy.rewards = srew(srew_text(chain));
  add_trew(trew_text(chain), copy);
  copy.values = sta(sta_text(chain), 3);
  CHECK(tra_text(copy) == tra_text(chain));
  CHECK(lab_text(copy) == lab_text(chain));
  CHECK(srew_text(copy) == srew_text(chain));
  CHECK(trew_text(copy) == trew_text(chain));
  CHECK(sta_text(copy) == sta_text(chain));
  CHECK(copy.initial == 2);
}

TEST_CASE("A small chain can be drawn, a large one cannot", "[solvers][explicit]") {
  LabelledChain chain = labelled(tra("2 2\n0 1 2\n1 1 3\n"), lab("0=\"init\" 1=\"a\\b\"\n0: 0 1\n", 2));
  CHECK(dot_text(chain) ==
        "digraph chain {\n  node [shape=box];\n  0 [label=\"0\\ninit\\na\\\\b\"];\n  1 [label=\"1\"];\n"
        "  0 -> 1 [label=\"2\"];\n  1 -> 1 [label=\"3\"];\n}\n");
  CHECK_THROWS_WITH(dot_text(labelled(tra("5001 0\n"), {})),
                    "a chain of 5001 states is too large to draw, at most 5000");
}

}  // namespace
}  // namespace windtunnel::solvers
