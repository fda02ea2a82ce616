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
  CHECK(mistake({"sweep"}) == "windtunnel: unknown verb 'sweep', expected one of run, solve, check, profiles, schema");
  CHECK(mistake({}) ==
        "windtunnel: expected a verb, one of run, solve, check, profiles, schema; see windtunnel --help");
}

TEST_CASE("A wrong option is answered with the nearest one or all of them", "[cli]") {
  CHECK(mistake({"run", "--fromat", "csv", "a.yaml"}) ==
        "windtunnel run: unknown option '--fromat', did you mean '--format'?");
  CHECK(mistake({"run", "a.yaml", "--trace=t.json"}) ==
        "windtunnel run: unknown option '--trace', expected one of --help, --set, --format, --output, --simulate");
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

}  // namespace
}  // namespace windtunnel::cli
