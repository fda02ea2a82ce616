// SPDX-License-Identifier: Apache-2.0
// The verb solve: its options, its answers and how they are printed.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "cli/command_line.h"
#include "cli/solve_answers.h"
#include "cli/solve_csv.h"
#include "cli/solve_experiment.h"
#include "cli/solve_model.h"
#include "cli/solve_points.h"
#include "cli/solve_report.h"
#include "solvers/numerics/input_error.h"
#include "test/catch.h"

namespace windtunnel::cli {
namespace {

Command parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "windtunnel");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

std::string mistake(const std::vector<const char*>& arguments) {
  const auto answer = std::get<ImmediateAnswer>(parse(arguments));
  CHECK(answer.exit_code == ExitCode::kBadInput);
  return answer.text;
}

// Queue with three places: pi_n = rho^n / (1 + rho + rho^2 + rho^3), rho = 1/2.
const std::string kQueue =
    "ctmc const int N; module q x:[0..N]; [] x<N -> 1.5:(x'=x+1); [serve] x>0 -> 3:(x'=x-1); endmodule "
    "label \"full\" = x=N; rewards \"served\" [serve] true : 1; endrewards";

std::vector<PropertyAnswer> answered(const std::string& properties) {
  auto model = solvers::prism::build_model(kQueue, "q.prism", solvers::prism::parse_constants("N=3"));
  return answers(solvers::parse_properties(properties, "q.props"), model, {});
}

/// The file exists as long as this.
class WrittenFile {
 public:
  WrittenFile(const std::string& name, const std::string& text) : path_(std::filesystem::temp_directory_path() / name) {
    std::ofstream(path_) << text;
  }
  ~WrittenFile() { std::filesystem::remove(path_); }
  WrittenFile(const WrittenFile&) = delete;
  WrittenFile& operator=(const WrittenFile&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST_CASE("solve takes a model, constants, questions, files and exports", "[cli][solve]") {
  const auto command = std::get<SolveCommand>(parse(
      {"solve",          "a.tra",      "--const",       "N=5,K=2",      "--const",      "r=1/3",       "--property",
       "S=? [ \"up\" ]", "--property", "P=? [ F x=1 ]", "--properties", "a.props",      "--lab",       "a.lab",
       "--srew",         "a.srew",     "--srew",        "b.srew",       "--trew",       "a.trew",      "--sta",
       "a.sta",          "--format",   "json",          "--method",     "gth",          "--tolerance", "1e-6",
       "--engine",       "eigen",      "--export-tra",  "b.tra",        "--export-dot", "b.dot"}));
  CHECK(command.model == "a.tra");
  CHECK(command.constants == "N=5,K=2,r=1/3");
  CHECK(command.properties == std::vector<std::string>{"S=? [ \"up\" ]", "P=? [ F x=1 ]"});
  CHECK(command.properties_file == "a.props");
  CHECK(command.label_file == "a.lab");
  CHECK(command.state_file == "a.sta");
  CHECK(command.state_reward_files == std::vector<std::string>{"a.srew", "b.srew"});
  CHECK(command.transition_reward_files == std::vector<std::string>{"a.trew"});
  CHECK(command.format == Format::kJson);
  CHECK(command.method == solvers::Method::kGth);
  CHECK(command.tolerance == 1e-6);
  CHECK(command.export_tra == "b.tra");
  CHECK(command.export_dot == "b.dot");
}

TEST_CASE("--symmetry names groups of modules, or finds them for what is asked", "[cli][solve]") {
  const WrittenFile model("symmetric.prism",
                          "ctmc module a x:[0..1]; [] true -> 1:(x'=1-x); endmodule module b = a [ x=y ] endmodule "
                          "module c = a [ x=z ] endmodule");
  const std::string path = model.path();
  const auto counted = [&](const char* groups, const std::string& property) {
    const auto command = std::get<SolveCommand>(parse({"solve", path.c_str(), "--symmetry", groups}));
    return load_model(command, {solvers::parse_properties(property, "asked")}).symmetric_modules;
  };
  using Groups = std::vector<std::string>;
  CHECK(counted("c,a", "S=? [ x=1 ]") == Groups{"c,a"});
  CHECK(counted("auto", "S=? [ x+y+z=1 ]") == Groups{"a,b,c"});
  CHECK(counted("auto", "S=? [ y=1 ]") == Groups{"a,c"});
  // A property that cannot be read is refused when it is asked, and keeps nothing apart.
  CHECK(counted("auto", "S=? [ nothing=1 ]; S=? [ x=1 & y=1 ]") == Groups{"a,b"});
  CHECK(mistake({"solve", "a.prism", "--symmetry", "auto", "--symmetry", "a,b"}) ==
        "windtunnel solve: --symmetry auto stands alone, found groups beside it");
  CHECK(mistake({"solve", "a.tra", "--symmetry", "auto"}) ==
        "windtunnel solve: --symmetry needs a model with modules, 'a.tra' is a list of transitions");
}

TEST_CASE("a range of constants is every point of its cross product", "[cli][solve]") {
  const Experiment experiment("N=2:2:6,r=max(1,3/2),T=0:0.25:0.5");
  CHECK(experiment.has_ranges());
  CHECK(experiment.names() == std::vector<std::string>{"N", "T"});
  CHECK(experiment.size() == 9);
  CHECK(experiment.values(0) == std::vector<std::string>{"2", "0"});
  CHECK(experiment.values(4) == std::vector<std::string>{"4", "0.25"});
  CHECK(experiment.constants(8) == "r=max(1,3/2),N=6,T=0.5");
  // Ten steps of a tenth reach 1.
  CHECK(Experiment("t=0:0.1:1").size() == 11);
  CHECK(Experiment("k=3:5").values(2) == std::vector<std::string>{"5"});
  const Experiment single("N=5,K=2");
  CHECK_FALSE(single.has_ranges());
  CHECK(single.size() == 1);
  CHECK(single.constants(0) == "N=5,K=2");
}

TEST_CASE("wrong ranges say what is wrong", "[cli][solve]") {
  CHECK_THROWS_WITH(Experiment("N=6:2:2"), "--const: range of 'N' ends at 2, below its start 6");
  CHECK_THROWS_WITH(Experiment("N=1:0:2"), "--const: range of 'N' has step 0, expected one above 0");
  CHECK_THROWS_WITH(Experiment("N=a:2"), "--const: range of 'N': found 'a', expected a number");
  CHECK_THROWS_WITH(Experiment("N=1:2:3:4"), "--const: range of 'N' has 4 parts, expected LOW:STEP:HIGH");
  CHECK_THROWS_WITH(Experiment("N=1:1e9"), "--const: range of 'N' has 1e+09 points, expected at most 1e+06");
}

TEST_CASE("an experiment prints what varies before each answer", "[cli][solve]") {
  SolveReport report{.states = 4, .transitions = 6};
  report.properties = answered("S=? [ \"full\" ]");
  const std::vector<ExperimentPoint> points = {{{"3"}, report}};
  const std::string table = experiment_table({"N"}, points);
  CHECK(table.substr(0, table.find_first_of(" ")) == "N");
  CHECK_THAT(table, ContainsSubstring("3  4       S=? [ \"full\" ]"));
  CHECK_THAT(experiment_json({"N"}, points),
             ContainsSubstring(R"({"experiments":[{"constants":{"N":3},"states":4,"transitions":6)"));
}

TEST_CASE("a point without an answer leaves the others answered", "[cli][solve]") {
  // P(T <= t) = 1 - exp(-1.5 t) from one place to the next; there is no queue with -1 places.
  const WrittenFile model("points.prism",
                          "ctmc const int N; const double t; module q x:[0..N]; [] x<N -> 1.5:(x'=x+1); endmodule");
  SolveCommand command{.model = model.path(), .constants = "N=-1:2:1,t=0:0.5:1"};
  command.properties = {"P=? [ F<=t x=N ]"};
  const std::vector<solvers::PropertyFile> files = {solvers::parse_properties(command.properties[0], "--property")};
  const std::vector<ExperimentPoint> points = answer_points(command, files, Experiment(command.constants));
  REQUIRE(points.size() == 6);
  for (std::size_t k = 0; k < 3; ++k) {
    const PropertyAnswer& unknown = points[k].report.properties.front();
    CHECK_FALSE(unknown.value.has_value());
    CHECK(unknown.exit_code == ExitCode::kBadInput);
    CHECK(unknown.message == model.path() + ":1:44: variable 'x' has the empty range 0..-1");
    const PropertyAnswer& known = points[3 + k].report.properties.front();
    CHECK(std::get<double>(known.value.value()) ==
          Approx(1.0 - std::exp(-0.75 * static_cast<double>(k))).epsilon(1e-12));
  }
  const std::string csv = solve_csv({"N", "t"}, points);
  CHECK(csv.substr(0, csv.find('\n')) ==
        "N,t,states,name,property,value,error_bound,lower,upper,method,iterations,solve_time_s,status");
  CHECK_THAT(csv, ContainsSubstring("\n-1,0,NA,,P=? [ F<=t x=N ],NA,NA,NA,NA,,0,0," + model.path() +
                                    ":1:44: variable 'x' has the empty range 0..-1\n"));
  CHECK_THAT(csv, ContainsSubstring("\n1,0,2,,P=? [ F<=t x=N ],0,0,0,0,graph,0,"));
}

TEST_CASE("an experiment says the same however many threads share its points", "[cli][solve]") {
  const WrittenFile model("shared.prism", kQueue + " const double t;");
  const std::vector<solvers::PropertyFile> files = {
      solvers::parse_properties("P=? [ F<=t x=N ]\nS=? [ \"full\" ]", "q.props")};
  const auto values = [&](int jobs) {
    const SolveCommand command{.model = model.path(), .constants = "N=2:9,t=0:0.5:2", .jobs = jobs};
    std::vector<double> all;
    for (const ExperimentPoint& point : answer_points(command, files, Experiment(command.constants))) {
      for (const PropertyAnswer& answer : point.report.properties) all.push_back(std::get<double>(*answer.value));
    }
    return all;
  };
  CHECK(values(1).size() == 80);
  CHECK(values(1) == values(3));
}

TEST_CASE("a mistake that every point has is one mistake", "[cli][solve]") {
  const WrittenFile model("wrong.prism", "ctmc module q x:[0..N; endmodule");
  const std::vector<solvers::PropertyFile> files = {solvers::parse_properties("S=? [ x=0 ]", "--property")};
  CHECK_THROWS_WITH(answer_points({.model = model.path(), .constants = "N=1:3"}, files, Experiment("N=1:3")),
                    ContainsSubstring("wrong.prism:1:22: "));
}

TEST_CASE("a table of answers has columns for what was asked in addition", "[cli][solve]") {
  SolveReport report{.states = 4};
  report.properties = {{.property = "a, b", .value = true, .method = "gth"}};
  report.properties.front().verified = solvers::Interval{0.25, 0.5};
  report.properties.front().sensitivities = {{.input = "r", .input_value = 2.0, .derivative = 0.125}};
  CHECK(solve_csv({}, {{{}, report}}) ==
        "states,name,property,value,error_bound,lower,upper,method,iterations,solve_time_s,verified_lower,"
        "verified_upper,derivative.r,derivative_error.r,status\n"
        "4,,\"a, b\",true,NA,NA,NA,gth,0,0,0.25,0.5,0.125,NA,ok\n");
}

TEST_CASE("a constant without a derivative says why", "[cli][solve]") {
  SolveReport report{.states = 4};
  report.properties = {{.property = "S=? [ x=0 ]", .value = 0.5}};
  report.properties.front().sensitivities = {{.input = "r", .input_value = 2.0, .message = "q.prism:1:2: at a jump"}};
  CHECK_THAT(solve_table(report),
             ContainsSubstring("\nr      2      unknown                  unknown\nr: q.prism:1:2: at a jump\n"));
  CHECK_THAT(solve_json(report), ContainsSubstring(R"("elasticity":null,"message":"q.prism:1:2: at a jump")"));
  CHECK_THAT(experiment_table({}, {{{}, report}}), ContainsSubstring("d/dr q.prism:1:2: at a jump"));
}

TEST_CASE("a scope knows which constants the model depends on", "[cli][solve]") {
  const auto scope = solvers::prism::model_scope(
      "ctmc const double t; const int N; const int M=N+1; const int k=2; module q x:[0..M]; endmodule", "q.prism",
      solvers::prism::parse_constants("N=3,t=1,z=1"));
  CHECK(scope.has_used("N"));
  CHECK(scope.has_used("M"));
  CHECK_FALSE(scope.has_used("k"));
  CHECK_FALSE(scope.has_used("t"));
  CHECK_FALSE(scope.has_used("z"));
}

TEST_CASE("equal machines are counted, with the answers of the chain that tells them apart", "[cli][solve][lumping]") {
  std::string text = "ctmc\nmodule m1 a1:bool init true; [] a1 -> 0.1:(a1'=false); [] !a1 -> 1:(a1'=true); endmodule\n";
  std::string up = "(a1?1:0)";
  for (const char* k : {"2", "3", "4", "5", "6"}) {
    text += std::string("module m") + k + " = m1 [a1=a" + k + "] endmodule\n";
    up += std::string("+(a") + k + "?1:0)";
  }
  text += "label \"few\" = " + up + "<4;\nrewards \"up\" true : " + up + "; endrewards\n";
  text += "rewards \"gain\" true : 2.5*(" + up + ")-14; endrewards\n";
  auto model = solvers::prism::build_model(text, "machines.prism", {});
  REQUIRE(model.chain.states() == 64);
  const auto file = solvers::parse_properties(
      "S=? [ \"few\" ]; P=? [ F<=10 \"few\" ]; P=? [ G[1,5] !\"few\" ]; R{\"up\"}=? [ C<=5 ]; R{\"up\"}=? [ S ];"
      "R{\"up\"}=? [ F \"few\" ]; T=? [ F \"few\" ]; T{\"variance\"}=? [ F \"few\" ]; T{\"moment\",3}=? [ F \"few\" ];"
      "T{\"quantile\",0.9}=? [ F \"few\" ]; R{\"gain\"}=? [ S ]; R{\"gain\"}=? [ C<=5 ]; R{\"gain\"}=? [ I=2 ];"
      "R{\"gain\"}=? [ F \"few\" ]; filter(min, P=? [ F<=1 \"few\" ], !\"few\");"
      "P=? [ X a1 ]; filter(avg, P=? [ F<=1 \"few\" ], !\"few\")",
      "machines.props");
  const std::vector<PropertyAnswer> apart = answers(file, model, {});
  auto again = solvers::prism::build_model(text, "machines.prism", {});
  const std::vector<PropertyAnswer> counted = answers(file, again, {.lump = true});
  auto symmetric =
      solvers::prism::build_model(text, "machines.prism", {}, {}, {.groups = {"m1,m2,m3,m4,m5,m6"}, .detect_for = {}});
  REQUIRE(symmetric.chain.states() == 7);
  const std::vector<PropertyAnswer> modules = answers(file, symmetric, {});
  REQUIRE(apart.size() == counted.size());
  for (std::size_t k = 0; k < apart.size(); ++k) {
    CAPTURE(apart[k].property);
    REQUIRE(counted[k].value.has_value());
    // Proven brackets of one and the same number.
    CHECK(counted[k].lower.value() <= apart[k].upper.value());
    CHECK(counted[k].upper.value() >= apart[k].lower.value());
    // Refused: one machine, and an average that counts states.
    if (k + 2 < apart.size()) {
      CHECK(modules[k].lower.value() <= apart[k].upper.value());
      CHECK(modules[k].upper.value() >= apart[k].lower.value());
      CHECK(modules[k].error_bound.value() < 1e-7 * (1.0 + std::abs(std::get<double>(*apart[k].value))));
    }
    // Jumps inside a block, and an average that counts states, cannot be lumped.
    const bool can = k + 2 < apart.size();
    CHECK(counted[k].lumped_states == (can ? std::optional<long long>(7) : std::nullopt));
  }
}

TEST_CASE("what rounding takes from the rates of a quotient is in its error bound", "[cli][solve][lumping]") {
  // State 0 goes to one state at 1 /s and to 4,000 others at 1e-16 /s each, which added up in doubles vanish.
  constexpr int kSmall = 4000;
  std::vector<solvers::Transition> transitions;
  for (int k = 1; k <= kSmall + 1; ++k) {
    transitions.push_back({0, k, k == 1 ? 1.0 : 1e-16});
    transitions.push_back({k, 0, 1.0});
  }
  solvers::StateSet others(kSmall + 2, true);
  others[0] = false;
  solvers::prism::BuiltModel model{{.generator = solvers::Generator(kSmall + 2, transitions),
                                    .labels = {{"init", {}}, {"deadlock", {}}, {"others", others}}},
                                   solvers::prism::Scope(solvers::prism::GivenConstants{})};
  model.chain.labels[0].states.assign(kSmall + 2, false);
  model.chain.labels[0].states[0] = true;
  model.chain.labels[1].states.assign(kSmall + 2, false);
  const auto answer =
      answers(solvers::parse_properties("S=? [ \"others\" ]", "x.props"), model, {.lump = true}).front();
  CHECK(answer.lumped_states == 2);
  const double exact = 1.0 - 1.0 / (2.0 + kSmall * 1e-16);
  CHECK(answer.lower.value() <= exact);
  CHECK(answer.upper.value() >= exact);
  CHECK(answer.error_bound.value() < 1e-10);
}

TEST_CASE("Wrong options of solve", "[cli][solve]") {
  CHECK(mistake({"solve"}) == "windtunnel solve: expected a model file");
  CHECK(mistake({"solve", "a.sm", "--engine", "petsc"}) ==
        "windtunnel solve: --engine petsc is not part of this build, use --engine eigen");
  CHECK(mistake({"solve", "a.sm", "--engine", "x"}) ==
        "windtunnel solve: --engine is 'x', expected one of eigen, petsc");
  CHECK(mistake({"solve", "a.sm", "--method", "jacobi"}) ==
        "windtunnel solve: --method is 'jacobi', expected one of automatic, gth, sparse_gth, gauss_seidel, multilevel");
  CHECK(mistake({"solve", "a.sm", "--tolerance", "0"}) ==
        "windtunnel solve: --tolerance is 0, expected a number between 0 and 1");
  CHECK(mistake({"solve", "a.sm", "--jobs", "0"}) ==
        "windtunnel solve: --jobs is 0, expected a whole number from 1 to 1024");
  CHECK(mistake({"solve", "a.sm", "--propety", "x"}) ==
        "windtunnel solve: unknown option '--propety', did you mean '--property'?");
}

TEST_CASE("Questions are answered with their bounds", "[cli][solve]") {
  const auto all = answered(
      "\"long run\": S=? [ \"full\" ]; R{\"served\"}=? [ S ]; S<0.1 [ \"full\" ]; filter(forall, P>=1 [ F \"full\" ]); "
      "1 - S=? [ \"full\" ]");
  REQUIRE(all.size() == 5);
  CHECK(all[0].name == "long run");
  CHECK(std::get<double>(*all[0].value) == Approx(1.0 / 15).epsilon(1e-12));
  CHECK(*all[0].lower <= 1.0 / 15);
  CHECK(*all[0].upper >= 1.0 / 15);
  CHECK(*all[0].error_bound <= 1e-15);
  CHECK(all[0].method == "gth");
  // Served as often as accepted: 1.5 (1 - 1/15).
  CHECK(std::get<double>(*all[1].value) == Approx(1.4).epsilon(1e-12));
  CHECK(std::get<bool>(*all[2].value));
  CHECK(std::get<bool>(*all[3].value));
  CHECK(std::get<double>(*all[4].value) == Approx(14.0 / 15).epsilon(1e-12));
}

TEST_CASE("A mistake in one property does not stop the others", "[cli][solve]") {
  const auto all = answered("S=? [ \"ful\" ];\nS=? [ \"full\" ];");
  REQUIRE(all.size() == 2);
  CHECK(all[0].exit_code == ExitCode::kBadInput);
  CHECK(all[0].message == "q.props:1:7: unknown label \"ful\"");
  CHECK_FALSE(all[0].value.has_value());
  CHECK(all[1].exit_code == ExitCode::kAnswered);
}

TEST_CASE("The report as JSON and as a table", "[cli][solve]") {
  SolveReport report{.states = 4, .transitions = 6, .build_time_s = 0.25};
  report.properties.push_back({.name = "n",
                               .property = "S=? [ x=0 ]",
                               .value = 0.5,
                               .error_bound = 1e-12,
                               .lower = 0.4,
                               .upper = 0.6,
                               .method = "gth",
                               .iterations = 3,
                               .solve_time_s = 1.5});
  report.properties.push_back({.property = "R=? [ C ]", .value = std::numeric_limits<double>::infinity()});
  report.properties.push_back({.property = "P<1 [ X x=1 ]", .value = true});
  report.properties.push_back({.property = "S=? [ y ]", .message = "why"});
  const std::string rest =
      "\"error_bound\":null,\"lower\":null,\"upper\":null,\"method\":null,\"iterations\":0,\"solve_time_s\":0.0";
  CHECK(solve_json(report) ==
        "{\"states\":4,\"transitions\":6,\"build_time_s\":0.25,\"properties\":["
        "{\"property\":\"S=? [ x=0 ]\",\"value\":0.5,\"error_bound\":1e-12,\"lower\":0.4,\"upper\":0.6,"
        "\"method\":\"gth\",\"iterations\":3,\"solve_time_s\":1.5,\"name\":\"n\"},"
        "{\"property\":\"R=? [ C ]\",\"value\":\"inf\"," +
            rest + "},{\"property\":\"P<1 [ X x=1 ]\",\"value\":true," + rest +
            "},{\"property\":\"S=? [ y ]\",\"value\":null," + rest + ",\"message\":\"why\"}]}\n");
  CHECK(solve_table(report) ==
        "states       4\n"
        "transitions  6\n"
        "built in     0.25 s\n"
        "\n"
        "PROPERTY        VALUE    ERROR BOUND  METHOD  ITERATIONS  TIME\n"
        "n: S=? [ x=0 ]  0.5      1e-12        gth     3           1.5 s\n"
        "R=? [ C ]       inf                           0           0 s\n"
        "P<1 [ X x=1 ]   true                          0           0 s\n"
        "S=? [ y ]       unknown                       0           0 s\n");
}

TEST_CASE("A chain in explicit files is a model with labels, rewards and variables", "[cli][solve]") {
  const WrittenFile transitions("windtunnel_solve_test.tra", "2 2\n0 1 1\n1 0 3\n");
  const WrittenFile labels("windtunnel_solve_test.lab", "0=\"init\" 1=\"down\"\n0: 0\n1: 1\n");
  const WrittenFile rewards("windtunnel_solve_test.srew", "# \"cost\"\n2 1\n1 8\n");
  const WrittenFile states("windtunnel_solve_test.sta", "(failed)\n0:(0)\n1:(1)\n");
  SolveCommand command{.model = transitions.path(), .label_file = labels.path(), .state_file = states.path()};
  command.state_reward_files = {rewards.path()};
  auto model = load_model(command);
  const auto all =
      answers(solvers::parse_properties("S=? [ \"down\" ]; R{\"cost\"}=? [ S ]; S=? [ failed=1 ]", "p"), model, {});
  CHECK(std::get<double>(*all[0].value) == Approx(0.25).epsilon(1e-12));
  CHECK(std::get<double>(*all[1].value) == Approx(2.0).epsilon(1e-12));
  CHECK(std::get<double>(*all[2].value) == Approx(0.25).epsilon(1e-12));
}

TEST_CASE("Files that cannot be read", "[cli][solve]") {
  CHECK_THROWS_WITH(load_model({.model = "none.prism"}), "none.prism: cannot be read: No such file or directory");
  CHECK_THROWS_WITH(load_model({.model = "none.tra"}), "none.tra: cannot be read: No such file or directory");
  CHECK_THROWS_WITH(load_model({.model = "/"}), "/: cannot be read: it is a directory");
}

}  // namespace
}  // namespace windtunnel::cli
