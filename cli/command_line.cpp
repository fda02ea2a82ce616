// SPDX-License-Identifier: Apache-2.0
// The only file that knows the command-line parser. Each verb is an application of its own to it, so that a mistake is
// always answered with the options of the verb that was meant.
#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string_view>

#include "cli/message.h"
#include "cli/output.h"
#include "cli/version.h"
#include "modeling/spec/nearest_name.h"

namespace windtunnel::cli {
namespace {

using modeling::in_quotes;
using modeling::joined;
using modeling::suggestion;

/// What is wrong with the command line, in one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The arguments after the verb.
using Arguments = std::vector<std::string>;

bool is_option(const std::string& argument) {
  return argument.size() > 1 && argument.front() == '-';
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string unknown_option(const CLI::App& app, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  return "unknown option " + in_quotes(name) + suggestion(name, option_names(app));
}

/// Fills the variables bound to the app's options. Unknown options are answered before missing ones: a misspelt option
/// is usually why something is missing.
void parse(CLI::App& app, const Arguments& arguments) {
  app.allow_extras();
  app.parse(Arguments(arguments.rbegin(), arguments.rend()));  // it wants them last first
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty()) return;
  const auto option = std::find_if(unknown.begin(), unknown.end(), is_option);
  if (option != unknown.end()) throw UsageError(unknown_option(app, *option));
  throw UsageError("unexpected argument " + in_quotes(unknown.front()));
}

Format parse_format(const std::string& text, const std::vector<std::string>& allowed) {
  static const std::map<std::string, Format> kFormats = {
      {"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}};
  if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
    throw UsageError("--format is " + in_quotes(text) + ", expected one of " + joined(allowed));
  }
  return kFormats.at(text);
}

std::vector<modeling::YamlOverride> parse_overrides(const std::vector<std::string>& assignments) {
  std::vector<modeling::YamlOverride> overrides;
  for (const std::string& assignment : assignments) {
    const std::size_t equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError("--set is " + in_quotes(assignment) + ", expected path.to.key=value");
    }
    overrides.push_back({assignment.substr(0, equals), assignment.substr(equals + 1)});
  }
  return overrides;
}

void require_specs(const std::vector<std::string>& specs) {
  if (specs.empty()) throw UsageError("expected at least one spec file");
}

void add_specs(CLI::App& app, std::vector<std::string>& specs) {
  app.add_option("SPEC", specs, "Spec files (YAML)")->type_name("")->expected(0, -1);
}

void add_overrides(CLI::App& app, std::vector<std::string>& assignments) {
  app.add_option("--set", assignments, "Replace one value of every spec; repeatable")
      ->type_name("PATH.TO.KEY=VALUE")
      // One value each: otherwise it takes the spec file that follows.
      ->allow_extra_args(false);
}

/// Of one `--simulate`: by default; enough for intervals; what memory holds.
constexpr std::int64_t kSimulatedRequests = 50'000;
constexpr std::int64_t kFewestSimulatedRequests = 100;
constexpr std::int64_t kMostSimulatedRequests = 50'000'000;

/// `--simulate` may stand alone: a word that is no number belongs to the specs.
Arguments with_simulated_requests(const Arguments& arguments) {
  Arguments complete;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    complete.push_back(arguments[i]);
    if (arguments[i] != "--simulate") continue;
    const bool number_follows = i + 1 < arguments.size() && !arguments[i + 1].empty() &&
                                arguments[i + 1].find_first_not_of("0123456789") == std::string::npos;
    if (!number_follows) complete.back() += fmt::format("={}", kSimulatedRequests);
  }
  return complete;
}

void require_simulated_requests(const std::optional<std::int64_t>& requests) {
  if (!requests || (*requests >= kFewestSimulatedRequests && *requests <= kMostSimulatedRequests)) return;
  throw UsageError(fmt::format("--simulate is {}, expected a number of requests from {} to {}", *requests,
                               kFewestSimulatedRequests, kMostSimulatedRequests));
}

Command parse_run(CLI::App& app, const Arguments& arguments) {
  RunCommand command;
  std::vector<std::string> assignments;
  std::string format = "table";
  add_specs(app, command.specs);
  add_overrides(app, assignments);
  app.add_option("--format", format, "table, json (one object per line) or csv")->type_name("FORMAT");
  app.add_option("--output", command.output, "Write the result here, whole or not at all")->type_name("FILE");
  app.add_option("--simulate", command.simulated_requests,
                 "Serving: event simulation of N requests (50000 when left out) instead of the chains")
      ->type_name("N");
  parse(app, with_simulated_requests(arguments));
  require_specs(command.specs);
  require_simulated_requests(command.simulated_requests);
  command.overrides = parse_overrides(assignments);
  command.format = parse_format(format, {"table", "json", "csv"});
  return command;
}

Command parse_check(CLI::App& app, const Arguments& arguments) {
  CheckCommand command;
  std::vector<std::string> assignments;
  add_specs(app, command.specs);
  add_overrides(app, assignments);
  parse(app, arguments);
  require_specs(command.specs);
  command.overrides = parse_overrides(assignments);
  return command;
}

Command parse_profiles(CLI::App& app, const Arguments& arguments) {
  ProfilesCommand command;
  std::string format = "table";
  app.add_option("NAME", command.name, "A shipped device or the path of a profile file")->type_name("");
  app.add_option("--format", format, "table or json")->type_name("FORMAT");
  parse(app, arguments);
  command.format = parse_format(format, {"table", "json"});
  return command;
}

Command parse_schema(CLI::App& app, const Arguments& arguments) {
  parse(app, arguments);
  return SchemaCommand{};
}

void require_engine(const std::string& engine) {
  if (engine == "eigen") return;
  if (engine == "petsc") throw UsageError("--engine petsc is not part of this build, use --engine eigen");
  throw UsageError("--engine is " + in_quotes(engine) + ", expected one of eigen, petsc");
}

solvers::Method parse_method(const std::string& text) {
  using solvers::Method;
  std::vector<std::string> names;
  for (const Method method : {Method::kAutomatic, Method::kGth, Method::kGaussSeidel, Method::kMultilevel}) {
    if (text == to_string(method)) return method;
    names.push_back(to_string(method));
  }
  throw UsageError("--method is " + in_quotes(text) + ", expected one of " + joined(names));
}

void require_tolerance(double tolerance) {
  if (tolerance > 0.0 && tolerance < 1.0) return;
  throw UsageError(fmt::format("--tolerance is {}, expected a number between 0 and 1", tolerance));
}

void add_explicit_files(CLI::App& app, SolveCommand& command) {
  const auto file = [&](const char* names, std::string& path, const char* help) {
    app.add_option(names, path, help)->type_name("FILE");
  };
  file("--labels,--lab", command.label_file, "Labels of an explicit chain");
  file("--states,--sta", command.state_file, "Variables of the states of an explicit chain");
  app.add_option("--state-rewards,--srew", command.state_reward_files, "Rewards per second of its states; repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--transition-rewards,--trew", command.transition_reward_files,
                 "Rewards of its transitions; repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void add_exports(CLI::App& app, SolveCommand& command) {
  const auto file = [&](const char* name, std::string& path, const char* help) {
    app.add_option(name, path, help)->type_name("FILE");
  };
  file("--export-tra", command.export_tra, "Write the transitions");
  file("--export-lab", command.export_lab, "Write the labels");
  file("--export-sta", command.export_sta, "Write the variables of the states");
  file("--export-srew", command.export_srew, "Write the rewards of the states");
  file("--export-trew", command.export_trew, "Write the rewards of the transitions");
  file("--export-mtx", command.export_mtx, "Write the generator matrix for MatrixMarket");
  file("--export-dot", command.export_dot, "Draw a small chain for GraphViz");
}

void add_questions(CLI::App& app, SolveCommand& command, std::vector<std::string>& constants) {
  app.add_option("--const", constants, "Values of constants; repeatable")
      ->type_name("N=5,K=2")
      ->allow_extra_args(false);
  app.add_option("--property", command.properties, "A question such as 'S=? [ \"up\" ]'; repeatable")
      ->type_name("PROPERTY")
      ->allow_extra_args(false);
  app.add_option("--properties", command.properties_file, "A file of questions")->type_name("FILE");
}

Command parse_solve(CLI::App& app, const Arguments& arguments) {
  SolveCommand command;
  std::vector<std::string> constants;
  std::string format = "table";
  std::string engine = "eigen";
  std::string method = to_string(solvers::Method::kAutomatic);
  app.add_option("MODEL", command.model, "PRISM language, or a chain in .tra or .mtx")->type_name("");
  add_questions(app, command, constants);
  add_explicit_files(app, command);
  app.add_option("--method", method, "automatic, gth, gauss_seidel or multilevel")->type_name("METHOD");
  CLI::Option* tolerance = app.add_option("--tolerance", command.tolerance, "Error wanted")->type_name("NUMBER");
  app.add_option("--engine", engine, "eigen or petsc")->type_name("ENGINE");
  app.add_option("--format", format, "table or json")->type_name("FORMAT");
  app.add_option("--output", command.output, "Write the result here, whole or not at all")->type_name("FILE");
  add_exports(app, command);
  parse(app, arguments);
  if (command.model.empty()) throw UsageError("expected a model file");
  command.constants = fmt::format("{}", fmt::join(constants, ","));
  command.format = parse_format(format, {"table", "json"});
  require_engine(engine);
  command.method = parse_method(method);
  if (tolerance->count() > 0) require_tolerance(command.tolerance);
  return command;
}

struct Verb {
  const char* name;
  const char* summary;
  const char* examples;
  Command (*parse)(CLI::App&, const Arguments&);
};

constexpr std::array<Verb, 5> kVerbs = {{
    {"run", "Answer each spec: times, rates, memory, where the time goes, the chains behind it",
     "Examples:\n"
     "  windtunnel run examples/llama3_405b_training.yaml\n"
     "  windtunnel run a.yaml b.yaml --format csv --output answers.csv\n"
     "  windtunnel run a.yaml --set training.micro_batch=2 --set cluster.device=h200-sxm-141gb --format json\n",
     parse_run},
    {"solve", "Answer questions about any continuous-time Markov chain, each with a proven bound",
     "Examples:\n"
     "  windtunnel solve cluster.prism --const N=128 --property 'S=? [ \"premium\" ]'\n"
     "  windtunnel solve tandem.prism --const c=511 --properties tandem.props --format json\n"
     "  windtunnel solve big.tra --labels big.lab --property 'P=? [ F<=24 \"down\" ]'\n"
     "  windtunnel solve small.prism --export-dot small.dot\n",
     parse_solve},
    {"check", "Read specs with their model and device and say what is wrong, without running",
     "Examples:\n"
     "  windtunnel check examples/*.yaml\n",
     parse_check},
    {"profiles", "List the shipped devices, or every number of one with its unit, source and evidence",
     "Examples:\n"
     "  windtunnel profiles\n"
     "  windtunnel profiles h100-sxm-80gb\n"
     "  windtunnel profiles h100-sxm-80gb --format json\n",
     parse_profiles},
    {"schema", "Print the JSON Schema of a spec file, for editors",
     "Examples:\n"
     "  windtunnel schema > windtunnel.schema.json\n",
     parse_schema},
}};

std::string general_help() {
  std::string text =
      "windtunnel predicts training, serving and availability of AI clusters with Markov chains.\n\n"
      "Usage: windtunnel VERB [OPTIONS]\n\nVerbs:\n";
  for (const Verb& verb : kVerbs) text += fmt::format("  {:<10}{}\n", verb.name, verb.summary);
  return text +
         "\nOptions:\n"
         "  --help    This text; `windtunnel VERB --help` for one verb\n"
         "  --version The version\n\n"
         "Exit codes: 0 answered, 1 no usable answer, 2 wrong command line or input.\n\n"
         "Examples:\n"
         "  windtunnel run examples/llama3_405b_training.yaml\n"
         "  windtunnel profiles\n";
}

ImmediateAnswer mistake(const std::string& text) {
  return {text, ExitCode::kBadInput};
}

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const Verb& verb : kVerbs) names.emplace_back(verb.name);
  return names;
}

ImmediateAnswer unknown_verb(const std::string& word) {
  const std::string kind = is_option(word) ? "option " : "verb ";
  return mistake("windtunnel: unknown " + kind + in_quotes(word) + suggestion(word, verb_names()));
}

Command parse_verb(const Verb& verb, const Arguments& arguments) {
  CLI::App app(verb.summary, std::string("windtunnel ") + verb.name);
  app.footer(verb.examples);
  try {
    return verb.parse(app, arguments);
  } catch (const CLI::CallForHelp&) {
    return ImmediateAnswer{app.help()};
  } catch (const CLI::ParseError& error) {
    return mistake(fmt::format("windtunnel {}: {}", verb.name, error.what()));
  } catch (const UsageError& error) {
    return mistake(fmt::format("windtunnel {}: {}", verb.name, error.what()));
  }
}

ExitCode execute_one(const ImmediateAnswer& answer) {
  if (answer.exit_code == ExitCode::kAnswered) {
    write_output(answer.text, "");
  } else {
    print_message(answer.text);
  }
  return answer.exit_code;
}
ExitCode execute_one(const RunCommand& command) {
  return run(command);
}
ExitCode execute_one(const CheckCommand& command) {
  return check(command);
}
ExitCode execute_one(const ProfilesCommand& command) {
  return profiles(command);
}
ExitCode execute_one(const SchemaCommand& command) {
  return schema(command);
}
ExitCode execute_one(const SolveCommand& command) {
  return solve(command);
}

}  // namespace

Command parse_command_line(int argc, const char* const* argv) {
  if (argc < 2) {
    return mistake(
        fmt::format("windtunnel: expected a verb, one of {}; see windtunnel --help", fmt::join(verb_names(), ", ")));
  }
  const std::string word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") return ImmediateAnswer{general_help()};
  if (word == "--version") return ImmediateAnswer{fmt::format("windtunnel {}\n", kVersion)};
  const auto verb = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const Verb& known) { return word == known.name; });
  if (verb == kVerbs.end()) return unknown_verb(word);
  return parse_verb(*verb, Arguments(argv + 2, argv + argc));
}

ExitCode execute(const Command& command) {
  return std::visit([](const auto& one) { return execute_one(one); }, command);
}

}  // namespace windtunnel::cli
