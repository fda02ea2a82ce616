// SPDX-License-Identifier: Apache-2.0
// `windtunnel solve`: its options.
#include <fmt/format.h>

#include <algorithm>

#include "cli/command_line_parts.h"
#include "cli/solve_model.h"
#include "modeling/spec/nearest_name.h"

namespace windtunnel::cli {
namespace {

using modeling::in_quotes;
using modeling::joined;

void require_engine(const std::string& engine) {
  if (engine == "eigen") return;
  if (engine == "petsc") throw UsageError("--engine petsc is not part of this build, use --engine eigen");
  throw UsageError("--engine is " + in_quotes(engine) + ", expected one of eigen, petsc");
}

solvers::Method parse_method(const std::string& text) {
  using solvers::Method;
  std::vector<std::string> names;
  for (const Method method :
       {Method::kAutomatic, Method::kGth, Method::kSparseGth, Method::kGaussSeidel, Method::kMultilevel}) {
    if (text == to_string(method)) return method;
    names.push_back(to_string(method));
  }
  throw UsageError("--method is " + in_quotes(text) + ", expected one of " + joined(names));
}

void require_symmetry(const SolveCommand& command) {
  const auto& groups = command.symmetry;
  if (groups.size() > 1 && std::find(groups.begin(), groups.end(), "auto") != groups.end())
    throw UsageError("--symmetry auto stands alone, found groups beside it");
  if (!groups.empty() && is_explicit(command.model))
    throw UsageError("--symmetry needs a model with modules, " + in_quotes(command.model) +
                     " is a list of transitions");
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
  app.add_option("--const", constants, "Values of constants, LOW:STEP:HIGH for a range; repeatable")
      ->type_name("N=5,T=0:1:10")
      ->allow_extra_args(false);
  app.add_option("--property", command.properties, "A question such as 'S=? [ \"up\" ]'; repeatable")
      ->type_name("PROPERTY")
      ->allow_extra_args(false);
  app.add_option("--properties", command.properties_file, "A file of questions")->type_name("FILE");
}

}  // namespace

Command parse_solve(CLI::App& app, const Arguments& arguments) {
  SolveCommand command;
  std::vector<std::string> constants;
  std::string format = "table";
  std::string engine = "eigen";
  std::string method = to_string(solvers::Method::kAutomatic);
  app.add_option("MODEL", command.model, "PRISM language, or a chain in .tra or .mtx")->type_name("");
  add_questions(app, command, constants);
  add_explicit_files(app, command);
  app.add_option("--method", method, "automatic, gth, sparse_gth, gauss_seidel or multilevel")->type_name("METHOD");
  CLI::Option* tolerance = app.add_option("--tolerance", command.tolerance, "Error wanted")->type_name("NUMBER");
  app.add_flag("--sensitivity", command.sensitivity, "Derivatives of the answers by the constants of the model");
  app.add_flag("--verify", command.verify, "Check the certificate of each answer once more, on its own");
  app.add_flag("--lump", command.lump, "Count states as one where a question cannot tell them apart");
  app.add_option("--symmetry", command.symmetry, "Equal modules to count instead of telling apart, or auto; repeatable")
      ->type_name("M1,M2,M3")
      ->allow_extra_args(false);
  add_jobs(app, command.jobs);
  app.add_option("--engine", engine, "eigen or petsc")->type_name("ENGINE");
  app.add_option("--format", format, "table, json or csv")->type_name("FORMAT");
  app.add_option("--output", command.output, "Write the result here, whole or not at all")->type_name("FILE");
  add_exports(app, command);
  parse(app, arguments);
  if (command.model.empty()) throw UsageError("expected a model file");
  command.constants = fmt::format("{}", fmt::join(constants, ","));
  command.format = parse_format(format, {"table", "json", "csv"});
  require_engine(engine);
  require_jobs(app, command.jobs);
  require_symmetry(command);
  command.method = parse_method(method);
  if (tolerance->count() > 0) require_tolerance(command.tolerance);
  return command;
}

}  // namespace windtunnel::cli
