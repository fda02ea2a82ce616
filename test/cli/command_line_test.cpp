// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <vector>

#include "test/catch.h"

namespace windtunnel::cli {
namespace {

Command parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "windtunnel");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

/// The one line that answers a wrong command line.
std::string mistake(const std::vector<const char*>& arguments) {
  const auto answer = std::get<ImmediateAnswer>(parse(arguments));
  CHECK(answer.exit_code == ExitCode::kBadInput);
  CHECK(answer.text.find('\n') == std::string::npos);
  return answer.text;
}

TEST_CASE("run takes specs, values, a format and a file in any order", "[cli]") {
  const auto command = std::get<RunCommand>(parse(
      {"run", "--set", "a.b=1", "one.yaml", "--format", "json", "--set=c={x: 1, y: =}", "two.yaml", "--output", "f"}));
  CHECK(command.specs == std::vector<std::string>{"one.yaml", "two.yaml"});
  REQUIRE(command.overrides.size() == 2);
  CHECK(command.overrides[0].path == "a.b");
  CHECK(command.overrides[0].value == "1");
  CHECK(command.overrides[1].path == "c");
  CHECK(command.overrides[1].value == "{x: 1, y: =}");
  CHECK(command.format == Format::kJson);
  CHECK(command.output == "f");
}

TEST_CASE("The table is the default, on a terminal or not", "[cli]") {
  CHECK(std::get<RunCommand>(parse({"run", "a.yaml"})).format == Format::kTable);
}

TEST_CASE("A wrong verb is answered with the nearest one", "[cli]") {
  CHECK(mistake({"rnu"}) == "windtunnel: unknown verb 'rnu', did you mean 'run'?");
  CHECK(mistake({"profile"}) == "windtunnel: unknown verb 'profile', did you mean 'profiles'?");
  CHECK(mistake({"seach"}) == "windtunnel: unknown verb 'seach', did you mean 'search'?");
  CHECK(mistake({"simulate"}) ==
        "windtunnel: unknown verb 'simulate', expected one of run, sweep, search, explain, solve, calibrate, check, "
        "profiles, "
        "import, models, schema, completion");
  CHECK(mistake({}) ==
        "windtunnel: expected a verb, one of run, sweep, search, explain, solve, calibrate, check, profiles, import, "
        "models, "
        "schema, completion; "
        "see windtunnel --help");
}

TEST_CASE("A wrong option is answered with the nearest one or all of them", "[cli]") {
  CHECK(mistake({"run", "--fromat", "csv", "a.yaml"}) ==
        "windtunnel run: unknown option '--fromat', did you mean '--format'?");
  CHECK(mistake({"check", "a.yaml", "--strict=all"}) ==
        "windtunnel check: unknown option '--strict', expected one of --help, --set");
  CHECK(mistake({"run", "a.yaml", "b.yaml", "--trace", "t.json"}) ==
        "windtunnel run: --trace draws one spec, found several");
  CHECK(mistake({"run", "a.yaml", "b.yaml", "--series", "t.csv"}) ==
        "windtunnel run: --series is of one spec, found several");
  CHECK(mistake({"schema", "extra"}) == "windtunnel schema: unexpected argument 'extra'");
}

TEST_CASE("A wrong value says what was found and expected", "[cli]") {
  CHECK(mistake({"run"}) == "windtunnel run: expected at least one spec file");
  CHECK(mistake({"check"}) == "windtunnel check: expected at least one spec file");
  CHECK(mistake({"run", "a.yaml", "--format", "xml"}) ==
        "windtunnel run: --format is 'xml', expected one of table, json, csv");
  CHECK(mistake({"profiles", "--format", "csv"}) ==
        "windtunnel profiles: --format is 'csv', expected one of table, json");
  CHECK(mistake({"run", "a.yaml", "--set", "key"}) == "windtunnel run: --set is 'key', expected path.to.key=value");
  CHECK(mistake({"run", "a.yaml", "--set", "=1"}) == "windtunnel run: --set is '=1', expected path.to.key=value");
}

TEST_CASE("Every verb has help with an example", "[cli]") {
  const std::string verb = GENERATE("run", "check", "profiles", "schema");
  const auto general = std::get<ImmediateAnswer>(parse({"--help"}));
  CHECK(general.exit_code == ExitCode::kAnswered);
  CHECK_THAT(general.text, ContainsSubstring("  " + verb + " "));
  const auto help = std::get<ImmediateAnswer>(parse({verb.c_str(), "--help"}));
  CHECK(help.exit_code == ExitCode::kAnswered);
  CHECK_THAT(help.text, ContainsSubstring("Examples:\n  windtunnel " + verb));
}

TEST_CASE("The version is one line", "[cli]") {
  CHECK_THAT(std::get<ImmediateAnswer>(parse({"--version"})).text, ContainsSubstring("windtunnel "));
}

TEST_CASE("sweep takes its axes apart", "[cli][sweep]") {
  const auto command = std::get<SweepCommand>(parse(
      {"sweep", "a.yaml", "--vary", "x.y=1,2", "--vary=z=log(1..4:3)", "--jobs", "2", "--output", "f", "--resume"}));
  CHECK(command.spec == "a.yaml");
  REQUIRE(command.axes.size() == 2);
  CHECK(command.axes[1].path == "z");
  CHECK(command.axes[1].values == std::vector<std::string>{"1", "2", "4"});
  CHECK(command.jobs == 2);
  CHECK(command.resume);
  CHECK(mistake({"sweep", "a.yaml"}) == "windtunnel sweep: expected at least one --vary path.to.key=VALUES");
  CHECK(mistake({"sweep", "a.yaml", "--vary", "x=1", "--vary", "x=2"}) == "windtunnel sweep: --vary names 'x' twice");
  CHECK(mistake({"sweep", "a.yaml", "--vary", "x=1", "--jobs", "0"}) ==
        "windtunnel sweep: --jobs is 0, expected a whole number from 1 to 1024");
  CHECK(mistake({"sweep", "a.yaml", "--vary", "x=1", "--resume"}) ==
        "windtunnel sweep: --resume needs --output FILE, beside which it keeps the finished points");
}

TEST_CASE("search and explain take their options", "[cli][search]") {
  const auto search = std::get<SearchCommand>(parse(
      {"search", "a.yaml", "--objective", "memory", "--top", "3", "--keep", "tensor,schedule", "--keep", "data"}));
  CHECK(search.options.objective == "memory");
  CHECK(search.options.top == 3);
  CHECK(search.options.keep == std::vector<std::string>{"tensor", "schedule", "data"});
  CHECK(std::get<ExplainCommand>(parse({"explain", "a.yaml", "--format", "dot"})).format == TextFormat::kDot);
  CHECK(mistake({"explain", "a.yaml", "--format", "pdf"}) ==
        "windtunnel explain: --format is 'pdf', expected one of text, markdown, html, dot");
  CHECK(mistake({"search", "a.yaml", "--top", "0"}) ==
        "windtunnel search: --top is 0, expected a whole number from 1 to 1000000");
}

TEST_CASE("completion knows the verbs, their options and the keys", "[cli][completion]") {
  const auto script = std::get<ImmediateAnswer>(parse({"completion", "bash"})).text;
  CHECK(script.find("run sweep search explain solve") != std::string::npos);
  CHECK(script.find("sweep) options='--help --vary --set --jobs --format --output --resume'") != std::string::npos);
  CHECK(script.find("training.micro_batch= ") != std::string::npos);
  CHECK(mistake({"completion", "tcsh"}) == "windtunnel completion: shell is 'tcsh', expected one of bash, zsh, fish");
}

}  // namespace
}  // namespace windtunnel::cli
